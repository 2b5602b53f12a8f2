"""The older demo servers' routes over an ordinary library: a router each, no ingest and no search of their own."""
