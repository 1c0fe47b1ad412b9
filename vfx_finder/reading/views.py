"""The radiologist's addresses. Reads through `ledger.queries`, writes through `actions.review`."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import review as signing
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.guidance import PROBABILITY_WORDS
from vfx_finder.domain.late import WhyNothing
from vfx_finder.domain.review import Review
from vfx_finder.domain.study import Modality
from vfx_finder.domain.written import whole_number
from vfx_finder.figures.people import written_name
from vfx_finder.figures.story import story
from vfx_finder.ledger import queries, retention
from vfx_finder.ledger.films import suspected_on_films
from vfx_finder.ledger.hospital import ages_now
from vfx_finder.ledger.late import late_series
from vfx_finder.reading import draft as drafts
from vfx_finder.reading import lists
from vfx_finder.reading.draft import Draft
from vfx_finder.reading.page import Waiting, page_of, went_to
from vfx_finder.reading.radiology import radiology_of

_SHIFTS = {"-1": -1, "1": 1}


@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    """Suspected fractures, most severe first."""
    cases = list(queries.worklist())
    shown, now = [case.pk for case in cases], timezone.now()
    grades, told, ages = queries.grades_found(shown), queries.levels_in_doubt(shown), ages_now(cases)
    films = suspected_on_films(case.pk for case in cases if case.Modality != Modality.CT)
    rows = [
        lists.film_row(case, films[case.pk], ages[case.pk], now)
        if case.pk in films
        else lists.waiting_row(case, lists.Found(ages[case.pk], grades.get(case.pk, {}), told.get(case.pk, {})), now)
        for case in cases
    ]
    about = {
        "operating_point": queries.operating_point(),
        "on_films": queries.operating_point(on_films=True) if films else None,
        "probability_words": PROBABILITY_WORDS,
    }
    return render(request, "reading/worklist.html", {"rows": rows, **about})


@require_safe
def signed(request: HttpRequest) -> HttpResponse:
    """What has been signed, newest first."""
    reviews = list(queries.signed_reviews())
    ages = ages_now(review.case for review in reviews)
    rows = [lists.signed_row(review, ages[review.case_id]) for review in reviews]
    return render(request, "reading/signed.html", {"rows": rows})


@require_safe
def study(request: HttpRequest, case_id: int) -> HttpResponse:
    """One study with the draft that the software proposes, or as it was signed."""
    file = _file(case_id)
    return _show(request, file, drafts.as_it_stands(file))


@require_safe
def picture(_request: HttpRequest, case_id: int) -> HttpResponse:
    """The sagittal picture as PNG."""
    png = queries.picture(case_id)
    if png is None:
        raise Http404
    return HttpResponse(png, content_type="image/png")


@require_POST
def draft(request: HttpRequest, case_id: int) -> HttpResponse:
    """The page again with what the form says, and every level shifted where that was asked. Writes nothing."""
    file = _file(case_id)
    changed = drafts.from_form(_findings(file), request.POST.dict())
    return _show(request, file, changed.shifted(_SHIFTS.get(request.POST.get("shift", ""), 0)))


@require_POST
def sign(request: HttpRequest, case_id: int) -> HttpResponse:
    """Sign what the form says and go on to the next study; a draft with problems comes back unsigned."""
    file = _file(case_id)
    chosen = drafts.from_form(_findings(file), request.POST.dict())
    if chosen.problems:
        return _show(request, file, chosen, status=422)
    actor, now = request.user.actor, timezone.now()  # type: ignore[union-attr]
    review = Review(chosen.decisions(), actor.name, now)
    done = signing.sign(case_id, review, actor, now, analysis_id=_analysis_on_screen(request))
    messages.success(request, f"Signed: {written_name(file.case.PatientName)}. {went_to(done)}", extra_tags="good")
    following = queries.next_to_review(case_id)
    return redirect("study", following.pk) if following else redirect("worklist")


def _file(case_id: int) -> queries.StudyFile:
    file = queries.study(case_id)
    if file is None:
        raise Http404
    return file


def _findings(file: queries.StudyFile) -> tuple[drafts.Finding, ...]:
    if file.analysis is None or file.analysis.patient is None:
        raise WrongState("This study has no findings to review now.")
    return file.analysis.findings


def _analysis_on_screen(request: HttpRequest) -> int:
    """The analysis that the page showed; a form without one signs nothing."""
    sent = whole_number(request.POST.get("analysis", ""))
    if sent is None:
        raise WrongState("The page did not say which analysis it showed.")
    return sent


def _show(request: HttpRequest, file: queries.StudyFile, chosen: Draft, status: int = 200) -> HttpResponse:
    order = list(queries.worklist().values_list("pk", flat=True))
    page = page_of(file, chosen, Waiting.around(file.case.pk, order))
    shown = {"page": page, "radiology": radiology_of(file.case), "late": _late(file)}
    shown["images"] = retention.images_of(file.case.pk)
    return render(request, "reading/study.html", shown, status=status)


def _late(file: queries.StudyFile) -> dict[str, object]:
    """How many images came after signing, how many of them nobody has seen to, which, and what was said of them."""
    count = file.case.instances_after_review
    return {
        "images": count,
        "unseen": count - file.case.late_seen,
        "series": late_series(file.case.pk) if count else (),
        "reasons": tuple(WhyNothing),
        "said": story(event for event in file.events if event.verb == "late-images-seen"),
    }
