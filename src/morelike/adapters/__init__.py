"""The library where other programs look for one: as tools of the Model Context Protocol, as retrievers."""
