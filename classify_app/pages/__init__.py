"""What a browser sees: the upload form, the results, the history."""
