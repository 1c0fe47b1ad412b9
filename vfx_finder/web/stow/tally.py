"""Refusals counted in memory and written seldom: a flood of bad tokens costs the database one statement a while."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from django.db import Error
from django.utils import timezone

from vfx_finder.actions.senders import Turned
from vfx_finder.domain.sender import Refused

EVERY_S = 5.0
"""Seconds between two writes. The first refusal after a quiet time is written at once."""
MOST = 200
"""Different callers remembered between two writes; more are counted under no name."""


class Tally:
    """Safe for many threads. What stands in memory is written with the next refusal after the pause."""

    def __init__(self, record: Callable[[Iterable[Turned]], object], every_s: float = EVERY_S) -> None:
        self._record, self._every_s = record, every_s
        self._counted: dict[tuple[str, str, str], Turned] = {}
        self._written = -every_s
        self._lock = threading.Lock()

    def note(self, reason: Refused, host: str, calling: str = "") -> None:
        """Count one refusal. Never raises: a database that is away loses a count, not a request."""
        due = self._add(reason, host, calling)
        if due:
            try:
                self._record(due)
            except Error:
                return

    def _add(self, reason: Refused, host: str, calling: str) -> list[Turned]:
        now = timezone.now()
        with self._lock:
            key = (calling, host, reason.value)
            if key not in self._counted and len(self._counted) >= MOST:
                key = ("", "", reason.value)
            known = self._counted.get(key)
            self._counted[key] = (
                replace(known, count=known.count + 1, last_at=now)
                if known
                else Turned(key[0], key[1], key[2], "by STOW-RS", 1, now, now)
            )
            if time.monotonic() - self._written < self._every_s:
                return []
            self._written = time.monotonic()
            due, self._counted = list(self._counted.values()), {}
            return due
