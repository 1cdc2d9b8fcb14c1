"""From an uploaded picture to its message on the request queue, with rate limits and a backlog limit."""
