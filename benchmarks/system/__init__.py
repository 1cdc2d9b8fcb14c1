"""`make bench-system`: photographs through the real processes on the AWS emulator."""
