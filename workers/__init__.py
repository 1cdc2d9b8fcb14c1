"""The worker tier: receives pictures from the request queue and classifies them. It doesn't use Django."""
