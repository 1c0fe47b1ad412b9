"""Who was turned away: one log line now, a counted row soon, however many knock."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from vfx_finder.domain.sender import Refused, Turned

log = structlog.get_logger(__name__)

EVERY_SECONDS = 2.0
MOST_AT_ONCE, MOST_CLASSES = 256, 1024
"""Different callers, and SOP Classes of theirs, counted between two writings; what comes above is counted together."""

Key = tuple[str, str, str, str]
"""Calling title, host, reason, detail."""
Record = Callable[[Sequence[Turned]], object]


@dataclass
class _Counts:
    """How often each thing happened since the last writing; `most` different ones. Safe for many threads."""

    most: int
    counted: dict[Key, Turned] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_first(self, key: Key) -> bool:
        """Count one; whether it is the first of its kind."""
        now = datetime.now(UTC)
        with self.lock:
            if len(self.counted) >= self.most and key not in self.counted:
                key = ("(many)", "(many)", key[2], "")
            before = self.counted.get(key)
            self.counted[key] = replace(before, count=before.count + 1, last_at=now) if before else _once(key, now)
        return before is None

    def take(self) -> dict[Key, Turned]:
        """What was counted; it begins anew."""
        with self.lock:
            counted, self.counted = self.counted, {}
        return counted

    def put_back(self, counted: dict[Key, Turned]) -> None:
        """Add what was taken to what has been counted since."""
        with self.lock:
            summed = {key: _sum(one, self.counted.get(key)) for key, one in counted.items()}
            self.counted = self.counted | summed


@dataclass
class Refusals:
    """Counts refusals in memory until `record` has them. Safe for many threads."""

    record: Record = lambda _: None
    _callers: _Counts = field(default_factory=lambda: _Counts(MOST_AT_ONCE))
    _classes: _Counts = field(default_factory=lambda: _Counts(MOST_CLASSES))

    def note(self, refused: Refused, host: str, calling: str = "", detail: str = "") -> None:
        """One more was turned away. `detail` never quotes a dataset; each has a count of its own."""
        calling, host = _plain(calling), _plain(host)
        if self._callers.is_first((calling, host, refused.value, detail)):
            log.warning("refused", reason=refused.value, calling=calling, peer=host, detail=detail)

    def note_classes(self, host: str, calling: str, names: Iterable[str]) -> None:
        """These SOP Classes were not taken of a caller that was let in. They are counted, and are no warning."""
        for name in names:
            self._classes.is_first((_plain(calling), _plain(host), Refused.NOT_ALL_TAKEN.value, name))

    def write(self) -> None:
        """Hand what was counted to `record`; it is kept for the next time where that fails."""
        callers, classes = self._callers.take(), self._classes.take()
        if not callers and not classes:
            return
        try:
            self.record((*callers.values(), *classes.values()))
        except Exception as error:  # noqa: BLE001 - counting must not end with a database that is away
            log.warning("refusals-not-recorded", kind=type(error).__name__)
            self._callers.put_back(callers)
            self._classes.put_back(classes)

    @contextmanager
    def writing(
        self, besides: Sequence[Callable[[], object]] = (), leave: Callable[[], object] = lambda: None
    ) -> Iterator[None]:
        """Write every few seconds while the block runs, and once at its end, and do what is to be done `besides`.

        `leave` is called at the end of the writing thread.
        """
        stop = threading.Event()

        def rounds() -> None:
            while True:
                last = stop.wait(EVERY_SECONDS)
                self.write()
                for chore in besides:
                    chore()
                if last:
                    break
            leave()

        thread = threading.Thread(target=rounds, name="refusals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(10)


def _once(key: Key, now: datetime) -> Turned:
    return Turned(*key, 1, now, now)


def _sum(older: Turned, newer: Turned | None) -> Turned:
    return older if newer is None else replace(newer, count=older.count + newer.count, first_at=older.first_at)


def _plain(value: str) -> str:
    """What a peer calls itself, without characters that would spoil a log or a row."""
    return "".join(char if char.isprintable() else "?" for char in value)[:64]
