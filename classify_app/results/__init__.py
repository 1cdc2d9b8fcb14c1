"""From an announced result to a finished row, and the requests that wait for it."""
