"""What the older demo servers keep, brought into a library: their tables, their vectors, their objects."""
