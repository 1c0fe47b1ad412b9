"""What happens around every request: its correlation id, who may pass, and how an error is told."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from psycopg.errors import DeadlockDetected, SerializationFailure

from vfx_finder.domain.errors import NotAllowed, Retry, VfxError, WrongState
from vfx_finder.domain.roles import Role, may
from vfx_finder.web import problems
from vfx_finder.web.doors import DOORS, OPEN_TO_ALL, OPEN_TO_EVERY_ROLE, OPEN_TO_SENDERS

Answer = Callable[[HttpRequest], HttpResponse]
CORRELATION_HEADER = "X-Request-ID"

COLLISIONS = (DeadlockDetected, SerializationFailure)
"""Two transactions that wanted the same rows at the same moment: PostgreSQL ends one, whole."""

_PAGES: tuple[tuple[type[Exception], Callable[[HttpRequest, Exception], HttpResponse]], ...] = (
    (NotAllowed, lambda request, _: problems.not_allowed(request)),
    (WrongState, lambda request, error: problems.wrong_state(request, str(error))),
    (Retry, lambda request, _: problems.try_again(request)),
    (ObjectDoesNotExist, lambda request, _: problems.not_found(request)),
)
_GIVEN_ID = re.compile(r"^[0-9a-zA-Z-]{8,64}$")
_log = structlog.get_logger("web")


class CorrelationId:
    """Gives every request an id, the caller's where it sends a decent one; logs and answers carry it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(CORRELATION_HEADER, "")
        request.correlation_id = given if _GIVEN_ID.match(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(correlation_id=request.correlation_id):  # type: ignore[attr-defined]
            response = self.answer(request)
        response[CORRELATION_HEADER] = request.correlation_id  # type: ignore[attr-defined]
        return response


class Doors:
    """Nobody passes without signing in, and nobody through a door that is not theirs (`doors.DOORS`)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Deny by default: an address without an entry opens for nobody."""
        door = request.resolver_match.view_name if request.resolver_match else ""
        if door in OPEN_TO_ALL or door in OPEN_TO_SENDERS:
            return None
        if not request.user.is_authenticated:
            return redirect(f"{reverse('sign-in')}?{urlencode({'next': request.get_full_path()})}")
        if door in OPEN_TO_EVERY_ROLE or _may_pass(request, door):
            return None
        return problems.not_allowed(request)


class PlainText:
    """Nobody types a NUL, and PostgreSQL keeps none: a request that brings one in its words is malformed."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        said = [*request.GET.lists(), *request.POST.lists()]
        if any("\0" in words for name, several in said for words in (name, *several)):
            return problems.malformed(request)
        return self.answer(request)


class Errors:
    """Turns an error this system knows how to name into its page: 403, 404, 409, 503, else logged and 500."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page for a `VfxError` or a collision; None leaves everything else to Django (404, 500)."""
        if isinstance(error, OperationalError) and isinstance(error.__cause__, COLLISIONS):
            _log.warning("page-collided", kind=type(error.__cause__).__name__)
            return problems.collided(request)
        page = next((page for kind, page in _PAGES if isinstance(error, kind)), None)
        if page is None and isinstance(error, VfxError):
            _log.error("page-failed", error=type(error).__name__)
            return problems.broken(request)
        return page(request, error) if page else None


class NeverStored:
    """Pages about patients are not kept by the browser or by anything between."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.answer(request)
        response.setdefault("Cache-Control", "private, no-store")
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
        return response


def _may_pass(request: HttpRequest, door: str) -> bool:
    permission = DOORS.get(door)
    role = getattr(request.user, "role", "")
    return permission is not None and role in set(Role) and may(Role(role), permission)
