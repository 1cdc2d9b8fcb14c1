"""The synchronous routes of the legacy system, kept for its clients."""
