"""Somebody has seen to what came after its time: late images of a signed study, or images with other content."""

from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from vfx_finder.actions import seeing_to
from vfx_finder.domain.late import LateAnswer, LateWord, WhyNothing
from vfx_finder.domain.roles import Permission, may
from vfx_finder.domain.written import whole_number


@require_POST
def late_images(request: HttpRequest, case_id: int) -> HttpResponse:
    """Whether the images that came after signing need, or have had, another reading."""
    said = request.POST.get("answer", "")
    if said not in set(LateAnswer):
        raise Http404
    try:
        word = LateWord(LateAnswer(said), _why(request), request.POST.get("remark", "").strip())
    except ValueError as problem:
        messages.warning(request, f"{problem} Nothing was noted.", extra_tags="ask")
        return _back(request, case_id)
    actor, up_to = request.user.actor, _up_to(request)  # type: ignore[union-attr]
    seeing_to.see_to_late_images(case_id, up_to, word, actor, timezone.now())
    messages.success(request, f"Noted with your name: {word.answer.words}.", extra_tags="good")
    return _back(request, case_id)


def _why(request: HttpRequest) -> WhyNothing | None:
    said = request.POST.get("why", "")
    return WhyNothing(said) if said in set(WhyNothing) else None


@require_POST
def other_content(request: HttpRequest, case_id: int) -> HttpResponse:
    """Why images came again with other content has been looked into."""
    seeing_to.see_to_other_content(case_id, _up_to(request), request.user.actor, timezone.now())  # type: ignore[union-attr]
    messages.success(request, "Noted with your name: seen to. The first images stay.", extra_tags="good")
    return _back(request, case_id)


@require_POST
def not_analysed(request: HttpRequest, case_id: int) -> HttpResponse:
    """There is nothing (more) to do about the reason of one study."""
    seeing_to.see_to_not_analysed(case_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    words = "Noted with your name. The study stays under Studies, with its reason."
    messages.success(request, words, extra_tags="good")
    return _back(request, case_id)


@require_POST
def all_not_analysed(request: HttpRequest) -> HttpResponse:
    """The same of all studies of one reason that were on the screen or before it."""
    until = _moment(request.POST.get("until", ""))
    reason, actor = request.POST.get("reason", ""), request.user.actor  # type: ignore[union-attr]
    seen = seeing_to.see_to_all_not_analysed(reason, until, actor, timezone.now())
    rest = " The rest can follow." if seen == seeing_to.AT_ONCE else ""
    said = f"Noted with your name: {seen} seen to. They stay under Studies, with their reason.{rest}"
    messages.success(request, said, extra_tags="good")
    return redirect("not-analysed")


def _moment(said: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise Http404 from None
    if moment.utcoffset() is None:
        raise Http404
    return moment


def _up_to(request: HttpRequest) -> int:
    """How far the page went that was on the screen."""
    up_to = whole_number(request.POST.get("up_to", ""))
    if up_to is None:
        raise Http404
    return up_to


def _back(request: HttpRequest, case_id: int) -> HttpResponseRedirect:
    """To where it was said: the list, the operator's page of the study, or the radiologist's."""
    if not may(request.user.actor.role, Permission.READ_OPERATIONS):  # type: ignore[union-attr]
        return redirect("study", case_id)
    return redirect("not-analysed") if request.POST.get("back") == "list" else redirect("operations-study", case_id)
