"""The listener as processes: settings in, rows and files out, until it is told to stop."""

import shutil
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import structlog
from django.db import connections

from dicom_listener.associations import Door, Places, share
from dicom_listener.callers import AcceptMemory, Greeted
from dicom_listener.commitment import Desk
from dicom_listener.family import STOP, raise_family
from dicom_listener.handlers import handlers_of
from dicom_listener.refusals import Refusals
from dicom_listener.rows import Rows, Write, hang_up, reconnecting
from dicom_listener.server import Around, hearing, opened
from dicom_listener.tls import Calling, Tls, TlsFiles
from vfx_finder.actions import intake, senders
from vfx_finder.actions.heartbeat import Facts, beating
from vfx_finder.actions.keeping import Keeper
from vfx_finder.config import Settings
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import Broken
from vfx_finder.domain.sender import AcceptList
from vfx_finder.domain.study import Instance
from vfx_finder.spool import Spool

log = structlog.get_logger(__name__)

STALE = timedelta(hours=1)
"""No instance takes this long to write, so an older unfinished file belongs to a listener that was killed."""


def hear(settings: Settings) -> None:
    """Receive until SIGINT or SIGTERM. Django is set up already. Raises `Broken` without port, spool or TLS."""
    # Before any thread starts, so that every thread leaves these signals to `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    Spool(settings.spool_dir).discard_unfinished(before=_now() - STALE)
    places, tls = Places(settings.most_associations), tls_of(settings)
    if tls is not None:
        tls.context()
    _say_who_may(settings)
    with opened((settings.dicom_host, settings.dicom_port)) as listener:
        # What is forked must not share a connection to the database.
        connections.close_all()

        def live(number: int) -> None:
            with _receiving(listener, settings, (places, tls, number)):
                signal.sigwait(STOP)

        if settings.listener_processes == 1:
            live(0)
        else:
            raise_family(settings.listener_processes, live)


def tls_of(settings: Settings) -> Tls | None:
    """TLS as the settings want it; None where they name no file. Raises `Broken` where they name some but not all."""
    named = (settings.tls_certificate, settings.tls_key, settings.tls_client_authorities)
    if not any(named):
        return None
    certificate, key, authorities = named
    if certificate is None or key is None or authorities is None:
        raise Broken("TLS needs VFX_TLS_CERTIFICATE, VFX_TLS_KEY and VFX_TLS_CLIENT_AUTHORITIES, all three.")
    return Tls(TlsFiles(certificate, key, authorities))


def calling_of(settings: Settings) -> Calling:
    """How this listener calls peers by TLS, as the settings want it. Raises `Broken` as `tls_of` does."""
    tls = tls_of(settings)
    authorities = settings.tls_peer_authorities or settings.tls_client_authorities
    return Calling(tls.files if tls else None, authorities)


def door_of(settings: Settings) -> Door:
    """The limits of one listener process."""
    return Door(
        ae_title=settings.ae_title,
        called=settings.called_ae_titles,
        only_called=bool(settings.called_ae_titles),
        at_once=settings.most_associations,
        a_minute=share(settings.most_connections_a_minute, settings.listener_processes),
        patience_s=settings.idle_seconds,
        handshake_s=settings.idle_seconds / 2,
        most_bytes=settings.most_object_mb * 1_000_000,
    )


@contextmanager
def _receiving(listener: socket.socket, settings: Settings, shared: tuple[Places, Tls | None, int]) -> Iterator[None]:
    """One process that takes connections while the block runs."""
    places, tls, number = shared
    spool = Spool(settings.spool_dir, settings.keep_free)
    rows = Rows(spool, _ledger(settings))
    greeted = Greeted(reconnecting(lambda titles: senders.heard(titles, _now())))
    refusals = Refusals(reconnecting(senders.record_refusals))
    accept = AcceptMemory(reconnecting(lambda: accept_list(settings)))
    accept.look()
    hang_up()  # this thread reads nothing more
    desk = Desk(spool, settings.ae_title, hang_up, calling_of(settings))
    around = Around(
        accept=accept.now,
        refusals=refusals,
        secure=tls.context if tls else None,
        handlers=handlers_of(settings, desk),
        heard=greeted.note,
        leave=hang_up,
        places=places,
    )
    keeper = Keeper(spool, rows.receive, rows_follow=True)
    with (
        beating("listener" if number == 0 else f"listener-{number + 1}", lambda: facts_of(spool, tls)),
        rows.following(),
        refusals.writing((greeted.write, accept.look), hang_up),
        desk.attended(),
        hearing(listener, keeper, door_of(settings), around),
    ):
        yield


def _say_who_may(settings: Settings) -> None:
    """One line for the operator where the accept list is empty, whichever way that is understood."""
    accepted = accept_list(settings)
    if accepted.senders:
        return
    if accepted.anybody:
        log.warning("accepting-every-sender", hint="set up senders, or VFX_ACCEPTED_CALLING_AE_TITLES")
    else:
        log.error(
            "accepting-nobody",
            hint="set up senders in the pages, or VFX_ACCEPTED_CALLING_AE_TITLES, or VFX_ACCEPT_ANY_SENDER=true",
        )


def accept_list(settings: Settings) -> AcceptList:
    """Who may send at this moment. An empty list is open on loopback or where the settings say so, else shut."""
    return senders.accept_list_of(settings)


def facts_of(spool: Spool, tls: Tls | None) -> Facts:
    """What the pages, perhaps on another machine, cannot see themselves."""
    facts: dict[str, int | str] = {"free_bytes": shutil.disk_usage(spool.root).free}
    return facts if tls is None else facts | _told_of(tls)


def _told_of(tls: Tls) -> dict[str, int | str]:
    """Until when the certificate in force is good, and since when the files that lie there now cannot be used."""
    with suppress(Broken):
        tls.context()  # looks at the files: a quiet listener must not learn of them from its next caller
    told: dict[str, int | str] = {}
    if tls.valid_until is not None:
        told["certificate_days"] = (tls.valid_until - _now()).days
    if tls.unusable_since is not None:
        told |= {"tls_unusable": tls.unusable, "tls_unusable_since": tls.unusable_since.isoformat()}
    return told


def _ledger(settings: Settings) -> Write:
    listener = Actor.process("listener")

    def write(instances: Sequence[Instance]) -> object:
        return intake.receive_many(instances, listener, _now(), settings.settle_seconds)

    return write


def _now() -> datetime:
    return datetime.now(UTC)
