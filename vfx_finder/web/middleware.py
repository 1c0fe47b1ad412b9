"""What happens around every request: its correlation id, who may pass, and how an error is told."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from vfx_finder.domain.errors import NotAllowed, Retry, VfxError, WrongState
from vfx_finder.domain.roles import Role, may
from vfx_finder.web import problems
from vfx_finder.web.doors import DOORS, OPEN_TO_ALL, OPEN_TO_EVERY_ROLE, OPEN_TO_SENDERS

Answer = Callable[[HttpRequest], HttpResponse]
CORRELATION_HEADER = "X-Request-ID"

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


class Errors:
    """Turns an error this system knows how to name into its page: 403, 404, 409, 503, else logged and 500."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page for a `VfxError`; None leaves everything else to Django (404, 500)."""
        if isinstance(error, NotAllowed):
            return problems.not_allowed(request)
        if isinstance(error, WrongState):
            return problems.wrong_state(request, str(error))
        if isinstance(error, Retry):
            return problems.try_again(request)
        if isinstance(error, ObjectDoesNotExist):
            return problems.not_found(request)
        if isinstance(error, VfxError):
            _log.error("page-failed", error=type(error).__name__)
            return problems.broken(request)
        return None


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
