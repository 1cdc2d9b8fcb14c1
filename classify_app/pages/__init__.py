"""The HTML pages: upload form, results, history."""
