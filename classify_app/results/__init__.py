"""From an announcement to a finished row, and the requests that wait for it."""
