"""Benchmark of the pages that list rows: the admin, the history and the API, with millions of rows on PostgreSQL."""
