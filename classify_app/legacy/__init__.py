"""The synchronous routes of the system that this replaces."""
