"""Authentication: logins, sessions and API tokens."""
