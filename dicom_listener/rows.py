"""The rows of instances, in the ledger: written together, a moment after their files. Knows the database."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ParamSpec, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connections

from vfx_finder.dicom.headers import read_header
from vfx_finder.domain.errors import Broken, Retry, Unreadable
from vfx_finder.domain.sender import FOUND
from vfx_finder.domain.study import Instance
from vfx_finder.spool import Spool

log = structlog.get_logger(__name__)

_DATABASE_AWAY = (OperationalError, InterfaceError)

GATHER_S = 0.5
"""How long rows wait for company: a commit costs the same for one as for fifty."""
MOST_TOGETHER = 200
MOST_WAITING = 5000
"""Instances acknowledged while the database is away; then senders are asked to come again."""
AGAIN_S = 1.0
"""Between two tries while the database is away."""
LOOK_AFTER_S = 30.0
"""How often, and from what age, files are looked for whose listener died before it wrote their rows."""

Write = Callable[[Sequence[Instance]], object]
Told = ParamSpec("Told")
Answer = TypeVar("Answer")


@dataclass
class Rows:
    """Takes instances over whose files are durable, and writes their rows soon, many in one transaction.

    A listener that dies in between leaves the names of those files in the spool (`Spool.waiting`); the next one, or
    another that runs, writes their rows.
    """

    spool: Spool
    write: Write
    _waiting: list[Instance] = field(default_factory=list)
    _given_up: set[str] = field(default_factory=set)
    _change: threading.Condition = field(default_factory=threading.Condition)
    _writing: bool = False
    _stopping: bool = False

    def receive(self, instance: Instance) -> None:
        """Take this one over. Raises `Retry` where too many wait: the database has been away for long."""
        with self._change:
            if len(self._waiting) >= MOST_WAITING:
                raise Retry("The ledger does not answer.")
            self._waiting.append(instance)
            self._change.notify_all()

    def settle(self, within_s: float) -> bool:
        """Wait until everything taken over so far has its row; whether that came about in time."""
        with self._change:
            return self._change.wait_for(lambda: not self._waiting and not self._writing, within_s)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Write rows in a thread while the block runs, and what is left at its end."""
        thread = threading.Thread(target=self._rounds, name="rows", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.settle(10)
            with self._change:
                self._stopping = True
                self._change.notify_all()
            thread.join(10)

    def _rounds(self) -> None:
        look_at = datetime.now(UTC)
        while not self._stopping:
            if datetime.now(UTC) >= look_at:
                self._look(before=look_at - timedelta(seconds=LOOK_AFTER_S))
                look_at = datetime.now(UTC) + timedelta(seconds=LOOK_AFTER_S)
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._stopping, LOOK_AFTER_S)
            if self._waiting:
                self._write_some()
        connections.close_all()

    def _write_some(self) -> None:
        threading.Event().wait(GATHER_S)
        with self._change:
            some = self._waiting[:MOST_TOGETHER]
            self._writing = True
        done = self._written(some)
        with self._change:
            if done:
                del self._waiting[: len(some)]
            self._writing = False
            self._change.notify_all()
        if not done:
            threading.Event().wait(AGAIN_S)

    def _written(self, some: Sequence[Instance]) -> bool:
        """Whether these need no more care: False where the database is away."""
        try:
            self.write(some)
        except _DATABASE_AWAY as error:
            connections.close_all()
            log.warning("ledger-away", kind=type(error).__name__, waiting=len(self._waiting))
            return False
        except Exception as error:  # noqa: BLE001 - one bad row must stop neither the others nor this thread
            if len(some) > 1:
                return all(self._written([one]) for one in some)
            log.error("row-not-written", kind=type(error).__name__, path=some[0].path)
            self._given_up.add(some[0].path)
            return True
        self.spool.recorded({instance.path for instance in some})
        return True

    def _look(self, before: datetime) -> None:
        try:
            self._adopt(before)
        except Exception as error:  # noqa: BLE001 - a disk at fault must not end the thread that writes all rows
            log.error("kept-files-not-looked-at", kind=type(error).__name__)

    def _adopt(self, before: datetime) -> None:
        """Rows for files that a dead listener left; those that this one has in hand come in their turn."""
        with self._change:
            in_hand = {instance.path for instance in self._waiting} | self._given_up
        for path in self.spool.waiting(before):
            if path in in_hand:
                continue
            try:
                self.receive(self._instance_at(path))
            except Retry:
                return
            except (Unreadable, Broken):
                self._given_up.add(path)
                log.error("kept-file-unreadable", path=path)
            except OSError as error:  # it may be readable the next time
                log.error("kept-file-unreadable", path=path, kind=type(error).__name__)

    def _instance_at(self, path: str) -> Instance:
        content = self.spool.read(path)
        log.info("kept-file-found", path=path)
        calling = self.spool.sender_of(path) or FOUND
        return read_header(content).received(path=path, sha256=hashlib.sha256(content).hexdigest(), calling=calling)


def reconnecting(act: Callable[Told, Answer]) -> Callable[Told, Answer]:
    """`act`, on a new connection the next time where it failed: the database may have been started again."""

    def attempt(*told: Told.args, **named: Told.kwargs) -> Answer:
        try:
            return act(*told, **named)
        except Exception:
            connections.close_all()
            raise

    return attempt


def hang_up() -> None:
    """Close the connections of a thread that ends here."""
    connections.close_all()
