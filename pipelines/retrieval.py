"""Asks archives for studies beside the job loop: an echo, searches for priors, sweeps over the past.

One thread an archive, so that a silent one holds up no other; one process an archive, so that the pace is kept however
many workers run. What was asked for when a worker was killed is asked for again by the next.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import close_old_connections, connections

from pipelines.faults import words_of
from pipelines.our_tls import OurTls
from pipelines.outgoing import station_of
from pipelines.steps import ask
from pipelines.steps.ask import ByGet, ByMove, Way
from pipelines.steps.dicom_peer import SUCCESS, Peer
from pipelines.steps.line import Patience
from vfx_finder.actions import asking, intake
from vfx_finder.actions.asking import Asked
from vfx_finder.actions.keeping import Keeper, keep_and_record
from vfx_finder.config import Settings
from vfx_finder.dicom.part10 import Announced
from vfx_finder.dicom.whole import checked
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivery import PeerAway
from vfx_finder.domain.errors import NotAllowed, Retry, Unreadable
from vfx_finder.domain.retrieval import Fetched, Method
from vfx_finder.domain.study import Instance
from vfx_finder.ledger import retrieval
from vfx_finder.ledger.locks import alone
from vfx_finder.ledger.models import Archive
from vfx_finder.spool import Spool

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
PRIORS_EVERY = 5.0
ROWS_WITHIN_S = 10.0
ANOTHER_ASKS_S = 10.0
"""Before it is looked again whether the process that asks an archive has ended."""
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 900.0
"""After an archive could not be asked, doubled each time."""

PATIENCE = Patience(connect_s=10.0, answer_s=300.0)
"""An archive that fetches from tape says nothing for minutes."""

OUT_OF_RESOURCES, CANNOT_UNDERSTAND, PROCESSING_FAILURE = 0xA700, 0xC000, 0x0110
"""What we answer to a C-STORE within a C-GET, DICOM PS3.4 table B.2-1 and PS3.7 annex C.5."""

Clock = Callable[[], datetime]


@dataclass
class Away:
    """An archive that could not be asked: when it is tried again, and how long was waited."""

    until: float = 0.0
    wait: float = FIRST_WAIT_S / 2


@dataclass(frozen=True)
class Asker:
    """What archives are asked with: our title, TLS for those that want it, and where pictures go that come by C-GET."""

    ae_title: str
    spool: Spool
    settle_seconds: float
    tls: OurTls = field(default_factory=OurTls)
    patience: Patience = PATIENCE
    now: Clock = lambda: datetime.now(UTC)
    away: dict[int, Away] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def step(self, archive_id: int) -> bool:
        """Do the next thing that is due at this archive; False where nothing is. What goes wrong is recorded."""
        archive = Archive.objects.get(pk=archive_id)
        if archive.echo_wanted_at is not None:
            return self._try(archive, lambda: self._echo(archive))
        if not archive.enabled or time.monotonic() < self.away.get(archive_id, Away()).until:
            return False
        return self._search(archive) or self._fetch(archive) or self._list(archive)

    def echo(self, archive_id: int) -> tuple[str, bool]:
        """Try the line now; what the archive answered, in words, and whether it was well. It is recorded."""
        archive = Archive.objects.get(pk=archive_id)
        self._try(archive, lambda: self._echo(archive))
        archive.refresh_from_db()
        return archive.last_answer, archive.last_ok_at == archive.last_tried_at

    def _echo(self, archive: Archive) -> str:
        began = time.monotonic()
        ask.echo(self._peer(archive))
        return f"Answered in {(time.monotonic() - began) * 1000:.0f} ms."

    def _search(self, archive: Archive) -> bool:
        search = retrieval.next_search(archive.pk, self.now())
        wanted = asking.wanted_of(search) if search else None
        if search is None:
            return False
        if wanted is None:
            asking.fail_search(search.pk, "Its PatientID or StudyDate has changed and cannot be asked for.", self.now())
            return True

        def look() -> str:
            found = ask.studies_of_patient(self._peer(archive), wanted.PatientID, wanted.Modality, wanted.before)
            count = asking.record_search(search.pk, wanted, found, self.now())
            asked_for = "none is" if not count else "one is" if count == 1 else f"{count} are"
            return f"Listed earlier studies of a flagged patient; {asked_for} asked for."

        return self._try(archive, look, or_else=lambda words: asking.fail_search(search.pk, words, self.now()))

    def _fetch(self, archive: Archive) -> bool:
        asked = asking.claim(archive.pk, self.now(), with_sweeps=self._may_sweep(archive))
        if asked is None:
            return False
        try:
            fetched = self._fetched(archive, asked)
        except (PeerAway, NotAllowed) as error:
            asking.give_back(asked, self.now())
            self._note_away(archive, str(error))
        except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
            words = words_of(error)
            asking.record_failure(asked, words, self.now())
            self._note_away(archive, words)
        else:
            self._await_rows(asked, fetched)
            state = asking.record(asked, fetched, self.now())
            images = "1 image" if fetched.completed == 1 else f"{fetched.completed} images"
            self._note_well(archive, f"Handed over {images}.")
            log.info("study-asked-for", archive=archive.pk, state=state, images=fetched.completed)
        return True

    def _list(self, archive: Archive) -> bool:
        due = retrieval.next_day(archive.pk) if self._may_sweep(archive) else None
        if due is None:
            return bool(asking.finish_sweeps(archive.pk, self.now()))
        sweep, day = due

        def look() -> str:
            found = ask.studies_of_day(self._peer(archive), day, sweep.modality, sweep.description)
            asking.list_day(sweep.pk, day, found, self.now())
            many = "no study" if not found else "1 study" if len(found) == 1 else f"{len(found)} studies"
            return f"Listed {day:%-d %b %Y}: {many} of {sweep.modality}."

        return self._try(archive, look)

    def _try(self, archive: Archive, do: Callable[[], str], or_else: Callable[[str], Any] = lambda _: None) -> bool:
        try:
            words = do()
        except (PeerAway, NotAllowed) as error:
            self._note_away(archive, str(error))
        except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
            words = words_of(error)
            or_else(words)
            self._note_away(archive, words)
        else:
            self._note_well(archive, words)
        return True

    def _fetched(self, archive: Archive, asked: Asked) -> Fetched:
        return ask.fetch(self._peer(archive), asked.StudyInstanceUID, self._way(archive), self.stop.is_set)

    def _await_rows(self, asked: Asked, fetched: Fetched) -> None:
        """The listener answers when an image is durable and writes its row a moment later."""
        until = time.monotonic() + ROWS_WITHIN_S
        while retrieval.images_here(asked.StudyInstanceUID) < fetched.completed and time.monotonic() < until:
            if self.stop.wait(0.1):
                return

    def _peer(self, archive: Archive) -> Peer:
        tls = self.tls.context() if archive.use_tls else None
        return Peer(archive.host, archive.port, archive.AETitle, self.ae_title, tls, self.patience)

    def _way(self, archive: Archive) -> Way:
        if archive.method == Method.MOVE:
            return ByMove(self.ae_title)
        keeper = Keeper(self.spool, self._receive)
        return ByGet(lambda announced, dataset: _take(keeper, announced, dataset, archive.AETitle))

    def _receive(self, instance: Instance) -> object:
        return intake.receive(instance, Actor.process("asker"), self.now(), self.settle_seconds)

    def _may_sweep(self, archive: Archive) -> bool:
        hours = retrieval.hours_of(archive)
        return hours is None or hours.contain(self.now().astimezone())

    def _note_well(self, archive: Archive, words: str) -> None:
        self.away.pop(archive.pk, None)
        asking.note_answer(archive.pk, words, self.now(), well=True)

    def _note_away(self, archive: Archive, words: str) -> None:
        before = self.away.get(archive.pk, Away())
        wait = min(2 * before.wait, LONGEST_WAIT_S)
        self.away[archive.pk] = Away(time.monotonic() + wait, wait)
        asking.note_answer(archive.pk, words, self.now(), well=False)
        log.warning("archive-cannot-be-asked", archive=archive.pk, why=words, again_in=wait)


@contextmanager
def retrieving(asker: Asker) -> Iterator[None]:
    """Ask whatever archives are to be asked while the block runs. A hand-over under way is broken off at its end."""
    thread = threading.Thread(target=_rounds, args=(asker,), name="retrieval", daemon=True)
    thread.start()
    try:
        yield
    finally:
        asker.stop.set()
        thread.join()


def _rounds(asker: Asker) -> None:
    serving: dict[int, threading.Thread] = {}
    priors_due = 0.0
    while not asker.stop.wait(LOOK_EVERY):
        close_old_connections()
        try:
            if time.monotonic() >= priors_due:
                priors_due = time.monotonic() + PRIORS_EVERY
                asking.want_priors(asker.now())
            _serve_all(asker, serving)
        except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
            log.error("retrieval-failed", kind=type(error).__name__)
    connections.close_all()


def _serve_all(asker: Asker, serving: dict[int, threading.Thread]) -> None:
    for archive_id in retrieval.archives_with_work(asker.now()):
        if archive_id not in serving or not serving[archive_id].is_alive():
            name = f"archive-{archive_id}"
            serving[archive_id] = threading.Thread(target=_serve, args=(asker, archive_id), name=name, daemon=True)
            serving[archive_id].start()


def _serve(asker: Asker, archive_id: int) -> None:
    """Ask one archive until nothing is due at it, if no other process does."""
    try:
        with alone(f"archive-{archive_id}") as granted:
            while granted and not asker.stop.is_set() and _has_work(asker, archive_id):
                asker.stop.wait(0 if asker.step(archive_id) else LOOK_EVERY)
        asker.stop.wait(0 if granted else ANOTHER_ASKS_S)
    except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
        log.error("retrieval-failed", archive=archive_id, kind=type(error).__name__)
    finally:
        connections.close_all()


def _has_work(asker: Asker, archive_id: int) -> bool:
    return archive_id in retrieval.archives_with_work(asker.now())


def _take(keeper: Keeper, announced: Announced, dataset: bytes, calling: str) -> int:
    """Keep one instance as the listener keeps what is sent to it; the status for the archive."""
    try:
        header, content = checked(announced, dataset)
        keep_and_record(keeper, header, content, calling)
    except Unreadable as error:
        log.warning("instance-refused", why=str(error))
        return CANNOT_UNDERSTAND
    except Retry as error:
        log.warning("instance-refused", why=str(error))
        return OUT_OF_RESOURCES
    except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
        log.error("instance-failed", kind=type(error).__name__)
        return PROCESSING_FAILURE
    return SUCCESS


def asker_of(settings: Settings, spool: Spool) -> Asker:
    """The asker of this installation."""
    station = station_of(settings)
    return Asker(station.ae_title, spool, settings.settle_seconds, station.tls)
