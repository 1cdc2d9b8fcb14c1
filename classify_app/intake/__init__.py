"""From a picture's bytes to a sent message, and the limits on how many are taken."""
