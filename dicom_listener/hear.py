"""The listener as a process: settings in, rows and files out, until it is told to stop."""

import shutil
import signal
from datetime import UTC, datetime, timedelta

import structlog

from dicom_listener.associations import Door
from dicom_listener.rows import hang_up, persistent
from dicom_listener.server import Around, listening
from vfx_finder.actions import intake
from vfx_finder.actions.heartbeat import beating
from vfx_finder.actions.keeping import Keeper, Receive
from vfx_finder.config import Settings
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.study import Instance
from vfx_finder.spool import Spool

log = structlog.get_logger(__name__)

STALE = timedelta(hours=1)
"""No instance takes this long to write, so an older unfinished file belongs to a listener that was killed."""

STOP = (signal.SIGINT, signal.SIGTERM)


def hear(settings: Settings) -> None:
    """Receive until SIGINT or SIGTERM. Django is set up already. Raises `Broken` if port or spool cannot be had."""
    # Before any thread starts, so that every thread leaves these signals to `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    spool = Spool(settings.spool_dir)
    spool.discard_unfinished(before=_now() - STALE)
    keeper = Keeper(spool, persistent(_ledger(settings)))
    door = Door(settings.ae_title, settings.accepted_calling_ae_titles)
    if not door.calling:
        log.warning("accepting-every-sender", hint="set VFX_ACCEPTED_CALLING_AE_TITLES")
    with (
        beating("listener", lambda: _facts(spool)),
        listening((settings.dicom_host, settings.dicom_port), keeper, door, Around(leave=hang_up)),
    ):
        signal.sigwait(STOP)


def _facts(spool: Spool) -> dict[str, int]:
    """What the pages, perhaps on another machine, cannot see themselves."""
    return {"free_bytes": shutil.disk_usage(spool.root).free}


def _ledger(settings: Settings) -> Receive:
    listener = Actor.process("listener")

    def receive(instance: Instance) -> object:
        return intake.receive(instance, listener, _now(), settings.settle_seconds)

    return receive


def _now() -> datetime:
    return datetime.now(UTC)
