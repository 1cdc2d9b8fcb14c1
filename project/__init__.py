"""Code that both tiers share: environment, contract, broker, storage; and the Django project's settings and URLs."""
