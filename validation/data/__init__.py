"""Data of the comparisons: published values with their sources."""
