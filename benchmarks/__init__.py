"""Benchmarks of cost and speed. Each prints a table and writes a file in benchmarks/results."""
