"""What both tiers agree on: environment, contract, broker, storage, and the Django site's frame."""
