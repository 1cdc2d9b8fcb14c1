"""Filters for confidences and sizes."""

from django import template

register = template.Library()


@register.filter
def percent(confidence: float | None) -> str:
    """Format a probability: 0.4567 becomes 45.7%."""
    return "" if confidence is None else f"{confidence:.1%}"


@register.filter
def unlocalized(number: float) -> str:
    """Format a number for an HTML attribute, independent of the language."""
    return f"{number:.4f}"


@register.filter
def megabytes(count: int) -> str:
    """Format a number of bytes: 10000000 becomes 10 MB."""
    return f"{count / 1e6:.3g} MB"
