"""Recovery: rows whose message was never sent, and dead letters. Pruning of what is old."""
