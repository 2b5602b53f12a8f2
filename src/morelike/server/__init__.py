"""The HTTP API and the page: a skin over ``morelike.Library``. Needs the extra `server`."""
