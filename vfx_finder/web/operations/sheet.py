"""One form of the operator's pages, shown, judged and kept: the same way for every thing that is set up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from vfx_finder.domain.actor import Actor
from vfx_finder.web.operations.forms import SetUpForm

Keep = Callable[[Any, Actor, datetime], str]
"""Hands what was filled in (`SetUpForm.facts`) to its action; returns what the person is told."""


@dataclass(frozen=True)
class Sheet:
    """What is asked, what the fields start from, who keeps the answer, and the list that is gone back to.

    `warning`: what a person should know before saving; `besides`: more words for the template; `then`: where else the
    person is taken once the answer is kept.
    """

    form: type[SetUpForm]
    start: Mapping[str, Any]
    keep: Keep
    back: str
    heading: str
    explained: str
    warning: str = ""
    save: str = "Save"
    template: str = "operations/form.html"
    besides: Mapping[str, Any] = field(default_factory=dict)
    then: Callable[[], HttpResponse] | None = None


def answered(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    """The form, or the list with a word about it once what was filled in is kept."""
    posted = request.method == "POST"
    form = sheet.form(request.POST) if posted else sheet.form(initial=dict(sheet.start))
    if posted and (said := form.kept_by(lambda facts: sheet.keep(facts, actor_of(request), timezone.now()))):
        messages.success(request, said, extra_tags="good")
        return sheet.then() if sheet.then else redirect(sheet.back)
    words = {
        "form": form,
        "heading": sheet.heading,
        "explained": sheet.explained,
        "warning": sheet.warning,
        "save": sheet.save,
        "back": reverse(sheet.back),
    }
    return render(request, sheet.template, words | dict(sheet.besides))


def actor_of(request: HttpRequest) -> Actor:
    """The person who is signed in; the doors let nobody else come as far as this."""
    actor: Actor = request.user.actor  # type: ignore[union-attr]
    return actor
