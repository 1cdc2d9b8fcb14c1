"""Uploads and messages of people who mean harm, in bulk."""
