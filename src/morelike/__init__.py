"""More like this, for anything."""

__version__ = "0.1.0"
