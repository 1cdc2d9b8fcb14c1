"""`make bench-system`: photographs through the real processes on the embedded AWS."""
