"""AWS: the clients, the buckets, the queues that are read without Celery, and what is checked at start."""
