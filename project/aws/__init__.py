"""AWS: clients, buckets, queues without Celery, and the checks at startup."""
