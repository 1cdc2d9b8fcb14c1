"""Who sends a request: sign-in, sessions, API tokens."""
