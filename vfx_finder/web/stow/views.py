"""STOW-RS, Store Transaction (DICOM PS3.18 section 10.5): a POST with a bearer token, answered instance by instance."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from http import HTTPStatus

import structlog
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone

from vfx_finder.actions import intake, senders
from vfx_finder.actions.keeping import Keeper
from vfx_finder.dicom.statuses import CANNOT_UNDERSTAND, DOES_NOT_MATCH, OUT_OF_RESOURCES
from vfx_finder.domain import sender as who
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import Retry, VfxError
from vfx_finder.domain.sender import Refused
from vfx_finder.domain.study import Instance
from vfx_finder.ledger.models import Sender
from vfx_finder.spool import Spool
from vfx_finder.web.caller import address_of
from vfx_finder.web.stow import answers
from vfx_finder.web.stow.incoming import Incoming, TooLarge, TooSlow
from vfx_finder.web.stow.keep import Delivery, Outcome, keep
from vfx_finder.web.stow.multipart import Part, parts
from vfx_finder.web.stow.tally import Tally

log = structlog.get_logger(__name__)

AT_ONCE = 4
"""Requests at work; more are asked to come again, because the pages need threads too."""
DICOM = "application/dicom"
MULTIPART = "multipart/related"
MEGABYTE = 1_000_000

_DATABASE_AWAY = (OperationalError, InterfaceError)
_ACCEPTABLE = ("application/dicom+json", "application/json", "application/*", "*/*")


class _Refuse(Exception):
    """End this request with a status and a sentence."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Stow:
    """The view. One for the process: it knows how many requests are at work, and who was turned away just now."""

    csrf_exempt = True  # a token in the header, never a cookie: no other site can make a browser send it

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._places = threading.BoundedSemaphore(at_once)
        self._tally = Tally(senders.record_refusals)

    def __call__(self, request: HttpRequest, study: str = "") -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        incoming = Incoming(request, settings.VFX.stow_max_mb * MEGABYTE)
        with incoming.within():
            try:
                return self._answer(request, incoming, study)
            except _Refuse as refusal:
                log.warning("stow-refused", status=int(refusal.status), why=refusal.words)
                return answers.refused(refusal.status, refusal.words)

    @cached_property
    def _spool(self) -> Spool:
        return Spool(settings.VFX.spool_dir, settings.VFX.keep_free)

    def _answer(self, request: HttpRequest, incoming: Incoming, study: str) -> HttpResponse:
        sender = self._sender(request)
        _check_types(request)
        with self._place():
            delivery = Delivery(Keeper(self._spool, _receive), sender.AETitle, study)
            try:
                outcomes = [_kept(part, delivery) for part in _parts(request, incoming)]
            except TooLarge as error:
                raise _Refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from None
            except TooSlow as error:
                raise _Refuse(HTTPStatus.REQUEST_TIMEOUT, str(error)) from None
            except VfxError as error:
                raise _Refuse(HTTPStatus.BAD_REQUEST, str(error)) from None
        if not outcomes:
            raise _Refuse(HTTPStatus.BAD_REQUEST, "The request holds no DICOM file.")
        self._note(request, sender, outcomes)
        return answers.stored(outcomes)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise _Refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests at once; try again later.")
        try:
            yield
        finally:
            self._places.release()

    def _sender(self, request: HttpRequest) -> Sender:
        """Whose token this is, if it comes from that sender's place; otherwise the request is refused and counted."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        host = address_of(request)
        try:
            sender = senders.sender_with(token.strip()) if scheme.lower() == "bearer" else None
        except _DATABASE_AWAY:
            connections.close_all()
            raise _Refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The ledger does not answer.") from None
        if sender is None:
            self._tally.note(Refused.BAD_TOKEN, host)
            raise _Refuse(HTTPStatus.UNAUTHORIZED, "A bearer token of a known sender is needed.")
        if not who.Sender(sender.AETitle, sender.host).is_at(host):
            self._tally.note(Refused.WRONG_HOST, host, sender.AETitle)
            raise _Refuse(HTTPStatus.FORBIDDEN, "This sender may not send from here.")
        return sender

    def _note(self, request: HttpRequest, sender: Sender, outcomes: list[Outcome]) -> None:
        kept = sum(one.kept for one in outcomes)
        log.info("stow", calling=sender.AETitle, kept=kept, refused=len(outcomes) - kept)
        for refused in {one for one in map(_counted_as, outcomes) if one}:
            self._tally.note(refused, address_of(request), sender.AETitle)
        with suppress(Error):  # what was kept is kept, whether or not it can be noted who brought it
            senders.heard([sender.AETitle], timezone.now())


def _check_types(request: HttpRequest) -> None:
    kind = request.content_params.get("type", "").lower() if request.content_type == MULTIPART else request.content_type
    if kind != DICOM:
        raise _Refuse(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 'Send application/dicom, or multipart/related; type="application/dicom".'
        )
    accepted = [one.partition(";")[0].strip().lower() for one in request.headers.get("Accept", "*/*").split(",")]
    if not set(accepted) & set(_ACCEPTABLE):
        raise _Refuse(HTTPStatus.NOT_ACCEPTABLE, "The answer is application/dicom+json.")


def _parts(request: HttpRequest, incoming: Incoming) -> Iterator[Part]:
    most = settings.VFX.most_object_mb * MEGABYTE
    if request.content_type == MULTIPART:
        yield from parts(incoming.read, request.content_params.get("boundary", ""), most)
        return
    pieces, size = [], 0
    while piece := incoming.read():
        size += len(piece)
        if size <= most:
            pieces.append(piece)
    if size:
        yield Part(DICOM, b"".join(pieces) if size <= most else None)


def _kept(part: Part, delivery: Delivery) -> Outcome:
    """A part of another kind is a file that cannot be understood: the others are kept all the same."""
    return keep(part.content if part.content_type == DICOM else b"", delivery)


def _counted_as(outcome: Outcome) -> Refused | None:
    """What an operator should see counted; None for what was kept, and for kinds of object that are never taken."""
    if outcome.reason == OUT_OF_RESOURCES:
        return Refused.NO_SPACE if outcome.announced.SOPInstanceUID else Refused.TOO_LARGE
    return Refused.DAMAGED if outcome.reason in (CANNOT_UNDERSTAND, DOES_NOT_MATCH) else None


def _receive(instance: Instance) -> object:
    """The instance's row; tried once more on a new connection. Raises `Retry` where the database stays away."""
    for is_last in (False, True):
        try:
            return intake.receive(instance, Actor.process("stow"), timezone.now(), settings.VFX.settle_seconds)
        except _DATABASE_AWAY:
            connections.close_all()
            if is_last:
                break
    raise Retry("The ledger does not answer.")
