"""What went wrong is put right: rows without a message, and messages that died."""
