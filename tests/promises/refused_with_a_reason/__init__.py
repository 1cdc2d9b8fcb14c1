"""Hostile uploads and messages, in large numbers."""
