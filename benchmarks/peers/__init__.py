"""`make bench-peers`: LitServe, Ray Serve and BentoML with the worker's network, beside the whole system."""
