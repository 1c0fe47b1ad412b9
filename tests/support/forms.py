"""An operator at the pages without a browser: what is read, and what is said."""

import html
import re
from collections.abc import Callable

from django.test import Client
from django.urls import reverse

Words = Callable[..., str]


def plain(markup: str) -> str:
    """The words of a page, without its markup."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup)))


def say(person: Client, page: str, /, *args: int, **form: object) -> str:
    """Send a form; the words of the page that follows."""
    return plain(person.post(reverse(page, args=args), form, follow=True).content.decode())
