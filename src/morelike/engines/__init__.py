"""Where ``add`` does its work: in this process, or on actors of a Ray cluster. A row of the registry's table each."""
