"""The library as tools of the Model Context Protocol: list collections, search, show an item, add where allowed."""
