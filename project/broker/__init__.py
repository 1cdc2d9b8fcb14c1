"""Celery over SQS: application, transport, result backend, events and Flower."""
