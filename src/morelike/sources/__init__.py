"""Where bytes come from. ``open_source`` turns one argument into blobs, lazily; ``origin`` names it for ``--sync``."""

from morelike.sources.find import open_source, origin

__all__ = ["open_source", "origin"]
