"""Benchmark of the engines: the bare forward pass against the whole pipeline from bytes to top-5 labels."""
