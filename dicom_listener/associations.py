"""Who is let in: AE titles and hosts, how many at once, how often; and the words in which the others are refused."""

import fcntl
import math
import tempfile
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dicom_listener.negotiation import Proposal
from dicom_listener.pdu import reject_pdu
from vfx_finder.domain.sender import AcceptList, Refused, Sender

HALF_OPEN_OF_A_HOST = 16
"""Connections of one host that have not said who they are; more are closed at once."""
_HOSTS_REMEMBERED = 4096

PERMANENT, TRANSIENT = 1, 2
BY_USER, BY_PRESENTATION = 1, 3
_CALLING_NOT_RECOGNISED, _CALLED_NOT_RECOGNISED = 3, 7
_CONGESTION, _LIMIT_EXCEEDED = 1, 2

REJECTION = {
    Refused.WRONG_CALLED_TITLE: (PERMANENT, BY_USER, _CALLED_NOT_RECOGNISED),
    Refused.TOO_MANY: (TRANSIENT, BY_PRESENTATION, _LIMIT_EXCEEDED),
    Refused.TOO_OFTEN: (TRANSIENT, BY_PRESENTATION, _CONGESTION),
}
"""Result, source and reason of an A-ASSOCIATE-RJ, PS3.8 table 9-21; every other reason is a title not recognised."""


@dataclass(frozen=True)
class Door:
    """Who may open an association.

    `ae_title`: the title this listener answers to. `calling`: the AE titles that may call, all of them if empty.
    `only_called`: refuse callers that ask for another title than that or one of `called`. `at_once`: open
    associations of all processes. `a_minute`: connections of one host to this process. Times in seconds:
    `patience_s` for an idle peer, `handshake_s` for one that opens a socket and says nothing. `most_bytes`: the
    largest dataset taken.
    """

    ae_title: str = "VFXFINDER"
    calling: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    only_called: bool = False
    at_once: int = 25
    a_minute: int = 3000
    patience_s: float = 60
    handshake_s: float = 30
    most_bytes: int = 2**30

    @property
    def accept_list(self) -> AcceptList:
        """The callers named here, from any host."""
        return AcceptList(tuple(Sender(title) for title in self.calling), anybody=True)


class Places:
    """The associations that may be open at once, in all processes that were forked after this was made.

    Each is a locked byte of a nameless file: the kernel frees the places of a process that is killed.
    """

    def __init__(self, at_once: int) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self._at_once = at_once
        self._mine: set[int] = set()
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """A free place, to be given back; None where there is none."""
        with self._lock:
            return next((place for place in range(self._at_once) if self._try(place)), None)

    def give_back(self, place: int) -> None:
        """Free a place that `take` gave."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
            self._mine.discard(place)

    def close(self) -> None:
        """Nobody asks for a place any more."""
        self._file.close()

    def _try(self, place: int) -> bool:
        if place in self._mine:
            return False
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        self._mine.add(place)
        return True


@dataclass
class Doorkeeper:
    """Lets in or turns away. `accept` gives the accept list of this moment."""

    door: Door
    accept: Callable[[], AcceptList]
    places: Places
    _knocks: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _half_open: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def knock(self, host: str) -> Refused | None:
        """A connection from this host: why it is not even listened to. None: it counts as half open until `known`."""
        with self._lock:
            if self._is_too_often(host):
                return Refused.TOO_OFTEN
            if self._half_open[host] >= HALF_OPEN_OF_A_HOST:
                return Refused.SILENT
            self._half_open[host] += 1
        return None

    def known(self, host: str) -> None:
        """A connection that knocked has said who it is, or has gone."""
        with self._lock:
            self._half_open[host] -= 1
            if self._half_open[host] <= 0:
                del self._half_open[host]

    def objection(self, proposal: Proposal, host: str) -> Refused | None:
        """Why this caller may not come in; None if it may, as far as there is a place."""
        titles = (self.door.ae_title, *self.door.called)
        if self.door.only_called and proposal.called not in titles:
            return Refused.WRONG_CALLED_TITLE
        return self.accept().objection(proposal.calling, host)

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Whether there was a place for one more association; it is held during the block."""
        place = self.places.take()
        try:
            yield place is not None
        finally:
            if place is not None:
                self.places.give_back(place)

    def _is_too_often(self, host: str) -> bool:
        now = time.monotonic()
        if len(self._knocks) > _HOSTS_REMEMBERED:
            self._knocks.clear()
        knocks = self._knocks[host]
        while knocks and knocks[0] < now - 60:
            knocks.popleft()
        if len(knocks) >= self.door.a_minute:
            return True
        knocks.append(now)
        return False


def rejection(refused: Refused) -> bytes:
    """The A-ASSOCIATE-RJ that tells a caller why."""
    return reject_pdu(*REJECTION.get(refused, (PERMANENT, BY_USER, _CALLING_NOT_RECOGNISED)))


def share(whole: int, processes: int) -> int:
    """What each of several processes may allow, so that together they allow about the whole."""
    return math.ceil(whole / processes)
