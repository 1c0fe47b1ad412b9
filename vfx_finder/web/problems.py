"""The pages that say what went wrong, in words a person can act on, with a reference and no identifiers."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_SUPPORT = "If it stays so, give the reference below to your system support."


def not_allowed(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - Django names it
    """403: signed in, but this page is another role's."""
    return _page(
        request,
        HTTPStatus.FORBIDDEN,
        "This is not yours to open",
        "Your role does not include this page or this step.",
        "If you need it for your work, ask whoever gave you your sign-in.",
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django names it
    """403: the form was not sent from a page of this system, or the page is too old."""
    return _page(
        request,
        HTTPStatus.FORBIDDEN,
        "The form could not be trusted",
        "The page you sent was not recognised; it may have been open too long. Nothing was changed.",
        "Go back, reload the page, and try once more.",
    )


def wrong_state(request: HttpRequest, sentence: str) -> HttpResponse:
    """409: somebody or something was faster."""
    return _page(
        request,
        HTTPStatus.CONFLICT,
        "This has moved on",
        sentence,
        "Nothing was changed. Open it again to see where it stands now.",
    )


def collided(request: HttpRequest) -> HttpResponse:
    """409: two people, or the worker, changed the same at the same moment, and this one gave way."""
    return _page(
        request,
        HTTPStatus.CONFLICT,
        "Somebody changed the same at this moment",
        "Two changes met, and yours gave way. Nothing of it was kept.",
        "Open the page again, see where it stands now, and try once more.",
    )


def malformed(request: HttpRequest) -> HttpResponse:
    """400: characters that no form of this system sends."""
    return _page(
        request,
        HTTPStatus.BAD_REQUEST,
        "This could not be read",
        "What was sent holds characters that are no text. Nothing was changed.",
        "Go back and type it anew.",
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - Django names it
    """404."""
    return _page(
        request,
        HTTPStatus.NOT_FOUND,
        "There is no such page",
        "The address is wrong, or what stood here has been removed.",
        "Start again from your list.",
    )


def too_many_attempts(request: HttpRequest, _response: object = None, _credentials: object = None) -> HttpResponse:
    """429: sign-in is locked for a while."""
    return _page(
        request,
        HTTPStatus.TOO_MANY_REQUESTS,
        "Sign-in is locked for a while",
        "There were too many failed attempts.",
        "Wait some minutes, or ask whoever gave you your sign-in to unlock it.",
    )


def try_again(request: HttpRequest) -> HttpResponse:
    """503: something outside did not answer."""
    return _page(
        request, HTTPStatus.SERVICE_UNAVAILABLE, "Not just now", "Something this page needs did not answer.", _SUPPORT
    )


def broken(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - Django names it
    """500: a defect. Takes no error text, which could name a patient."""
    return _page(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something broke",
        "This page failed. It is a fault of the software, not yours.",
        _SUPPORT,
    )


def _page(request: HttpRequest, status: HTTPStatus, heading: str, sentence: str, advice: str) -> HttpResponse:
    words = {"heading": heading, "sentence": sentence, "advice": advice}
    words["correlation_id"] = getattr(request, "correlation_id", "")
    return render(request, "web/problem.html", words, status=status)
