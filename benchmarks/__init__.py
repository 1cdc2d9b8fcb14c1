"""Benchmarks: what the system costs and how fast it is, each a table and a file in benchmarks/results."""
