"""Filters for confidences and sizes."""

from django import template

register = template.Library()


@register.filter
def percent(confidence: float | None) -> str:
    """Show a probability as people read it: 0.4567 is 45.7 %."""
    return "" if confidence is None else f"{confidence:.1%}"


@register.filter
def unlocalized(number: float) -> str:
    """Show a number as HTML's attributes want it, whatever the language."""
    return f"{number:.4f}"


@register.filter
def megabytes(count: int) -> str:
    """Show a number of bytes as a limit is spoken of: 10000000 is 10 MB."""
    return f"{count / 1e6:.3g} MB"
