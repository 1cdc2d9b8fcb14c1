"""Engines: the bare forward pass against the whole way from a picture's bytes to its five likeliest labels."""
