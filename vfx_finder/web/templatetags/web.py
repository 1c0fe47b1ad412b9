"""Template tags that every page uses."""

import hashlib
from functools import cache
from pathlib import Path

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static

register = template.Library()

_DIGITS = 10


@register.simple_tag
def asset(name: str) -> str:
    """The address of a static file with a mark of its content, so that a browser keeps it until it changes."""
    return f"{static(name)}?v={_mark(name)}"


@cache
def _mark(name: str) -> str:
    found = finders.find(name)
    if found is None:
        raise template.TemplateSyntaxError(f"There is no static file {name}.")
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:_DIGITS]
