"""The whole system on one machine: embedded AWS, local processes, sample pictures."""
