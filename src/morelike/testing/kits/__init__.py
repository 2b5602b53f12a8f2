"""Conformance kits: one class a seam, to be subclassed by whoever implements it."""
