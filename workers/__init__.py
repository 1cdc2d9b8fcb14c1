"""The worker tier: takes pictures from the request queue and says what is on them. Knows nothing of Django."""
