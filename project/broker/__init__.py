"""Celery over SQS: the application, the transport, the result backend, the events and Flower on them."""
