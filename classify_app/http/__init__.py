"""Handling common to all requests: body limits, middleware and error responses."""
