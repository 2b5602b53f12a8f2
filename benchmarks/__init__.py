"""What `make bench` measures. Ratios within one run matter; the absolute figures belong to the machine named."""
