"""A collection's items as points in two dimensions."""

from morelike.project.found import Cluster, Map

__all__ = ["Cluster", "Map"]
