"""Who was turned away: one log line now, a counted row soon, however many knock."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from vfx_finder.domain.sender import Refused, Turned

log = structlog.get_logger(__name__)

EVERY_SECONDS = 2.0
MOST_AT_ONCE = 256
"""Different callers counted between two writings; what comes above is counted together."""

Record = Callable[[Sequence[Turned]], object]


@dataclass
class Refusals:
    """Counts refusals in memory until `record` has them. Safe for many threads."""

    record: Record = lambda _: None
    _counted: dict[tuple[str, str, str], Turned] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, refused: Refused, host: str, calling: str = "", detail: str = "") -> None:
        """One more was turned away. `detail` never quotes a dataset."""
        now = datetime.now(UTC)
        calling, host = _plain(calling), _plain(host)
        with self._lock:
            if len(self._counted) >= MOST_AT_ONCE and (calling, host, refused.value) not in self._counted:
                calling, host = "(many)", "(many)"
            key = (calling, host, refused.value)
            before = self._counted.get(key)
            first = Turned(calling, host, refused.value, detail, 1, now, now)
            self._counted[key] = (
                replace(before, count=before.count + 1, detail=detail, last_at=now) if before else first
            )
        if before is None:
            log.warning("refused", reason=refused.value, calling=calling, peer=host, detail=detail)

    def write(self) -> None:
        """Hand what was counted to `record`; it is kept for the next time where that fails."""
        with self._lock:
            counted, self._counted = self._counted, {}
        if not counted:
            return
        try:
            self.record(tuple(counted.values()))
        except Exception as error:  # noqa: BLE001 - counting must not end with a database that is away
            log.warning("refusals-not-recorded", kind=type(error).__name__)
            with self._lock:
                self._counted = {key: _sum(one, self._counted.get(key)) for key, one in counted.items()} | {
                    key: one for key, one in self._counted.items() if key not in counted
                }

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


def _sum(older: Turned, newer: Turned | None) -> Turned:
    return older if newer is None else replace(newer, count=older.count + newer.count, first_at=older.first_at)


def _plain(value: str) -> str:
    """What a peer calls itself, without characters that would spoil a log or a row."""
    return "".join(char if char.isprintable() else "?" for char in value)[:64]
