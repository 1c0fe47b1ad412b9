"""The nurse's addresses. Reads through `ledger.queries`, writes through `actions.referral`."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import first_contact as answering
from vfx_finder.actions import referral as pathway
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.flow import ReferralState
from vfx_finder.domain.referral import CloseReason, NotForFlsReason
from vfx_finder.domain.written import whole_number
from vfx_finder.ledger import hospital, queries
from vfx_finder.ledger.first_contact import latest_row
from vfx_finder.referrals.first_contact import contact_from_form, shown_contact
from vfx_finder.referrals.hospital import word_of
from vfx_finder.referrals.patient import page_of
from vfx_finder.referrals.queue import queue_of
from vfx_finder.referrals.wording import STATE

_DETAIL_LENGTH, _NOTE_LENGTH = 500, 4000


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Open referrals by priority, those with a question first."""
    today = timezone.localdate()
    queued = queries.nurse_queue(today)
    deaths = hospital.reported_dead(one.referral for one in queued)
    return render(request, "referrals/queue.html", {"queue": queue_of(queued, today, deaths)})


@require_safe
def patient(request: HttpRequest, referral_id: int) -> HttpResponse:
    """One patient."""
    file = _file(referral_id)
    shown = {
        "page": page_of(file, timezone.localdate()),
        "hospital": word_of(file.referral),
        "contact": shown_contact(latest_row(referral_id)),
    }
    return render(request, "referrals/patient.html", shown)


@require_safe
def picture(_request: HttpRequest, referral_id: int) -> HttpResponse:
    """The sagittal picture of the study that the referral came from, as PNG."""
    png = queries.picture(_file(referral_id).referral.case_id)
    if png is None:
        raise Http404
    return HttpResponse(png, content_type="image/png")


@require_POST
def move(request: HttpRequest, referral_id: int) -> HttpResponse:
    """One step along the pathway, or an end with its reason."""
    there = {state.value: state for state in ReferralState}.get(request.POST.get("to", ""))
    if there is None:
        return _back(request, referral_id, "Choose a step.", "bad")
    reason = request.POST.get("reason", "")
    detail = request.POST.get("detail", "").strip()[:_DETAIL_LENGTH]
    if there is ReferralState.CLOSED:
        return _end(request, referral_id, (CloseReason, pathway.close), (reason, detail))
    if there is ReferralState.NOT_FOR_FLS:
        return _end(request, referral_id, (NotForFlsReason, pathway.not_for_fls), (reason, detail))
    pathway.move(referral_id, there, _actor(request), timezone.now())
    return _back(request, referral_id, f"{STATE[there]}.")


@require_POST
def note(request: HttpRequest, referral_id: int) -> HttpResponse:
    """Keep a note."""
    text = request.POST.get("text", "").strip()
    if not text:
        return _back(request, referral_id, "The note was empty; nothing was kept.", "bad")
    pathway.note(referral_id, text[:_NOTE_LENGTH], _actor(request), timezone.now())
    return _back(request, referral_id, "Note kept.")


@require_POST
def age(request: HttpRequest, referral_id: int) -> HttpResponse:
    """Answer the age that was asked for."""
    years = whole_number(request.POST.get("age", ""))
    if years is None or years > pathway.OLDEST:
        return _back(request, referral_id, "Give the age in whole years.", "bad")
    referral = pathway.answer_age(referral_id, years, _actor(request), timezone.now())
    return _back(request, referral_id, f"Age kept. {STATE[ReferralState(referral.state)]}.")


@require_POST
def first_contact(request: HttpRequest, referral_id: int) -> HttpResponse:
    """Keep what the patient said about the fracture; the priority follows."""
    try:
        said = contact_from_form(request.POST.dict())
    except ValueError:
        return _back(request, referral_id, "An answer could not be read; nothing was kept.", "bad")
    referral = answering.answer(referral_id, said, _actor(request), timezone.now())
    return _back(request, referral_id, f"Answers kept. Priority {referral.tier}.")


def _end(request: HttpRequest, referral_id: int, how: tuple, said: tuple[str, str]) -> HttpResponse:
    (reasons, end), (code, detail) = how, said
    reason = {one.value: one for one in reasons}.get(code)
    if reason is None:
        return _back(request, referral_id, "Choose a reason; nothing was changed.", "bad")
    end(referral_id, reason, _actor(request), timezone.now(), detail=detail)
    return _back(request, referral_id, f"Ended: {reason.label}.")


def _file(referral_id: int) -> queries.ReferralFile:
    file = queries.referral(referral_id, timezone.localdate())
    if file is None:
        raise Http404
    return file


def _actor(request: HttpRequest) -> Actor:
    return request.user.actor  # type: ignore[union-attr, no-any-return]


def _back(request: HttpRequest, referral_id: int, words: str, tone: str = "good") -> HttpResponse:
    messages.info(request, words, extra_tags=tone)
    return redirect("patient", referral_id)
