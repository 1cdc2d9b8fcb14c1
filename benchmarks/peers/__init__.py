"""`make bench-peers`: compare the whole system with LitServe, Ray Serve and BentoML, all with the same weights."""
