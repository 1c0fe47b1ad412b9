"""What a listener remembers of its senders between two looks at the ledger: who may come in, and who came."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from vfx_finder.domain.sender import AcceptList

log = structlog.get_logger(__name__)


@dataclass
class AcceptMemory:
    """The accept list as it was last read. Who knocks never waits for the database, which may hang."""

    ask: Callable[[], AcceptList]
    _known: AcceptList = field(default_factory=AcceptList)

    def now(self) -> AcceptList:
        """The list of this moment: nobody may come in before it was read once."""
        return self._known

    def look(self) -> None:
        """Read it again. Never raises: the door goes on with what it knows."""
        try:
            self._known = self.ask()
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("accept-list-not-read", kind=type(error).__name__)


@dataclass
class Greeted:
    """The titles that were let in since the last writing."""

    record: Callable[[Iterable[str]], object]
    _titles: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, title: str) -> None:
        """This one was let in."""
        with self._lock:
            self._titles.add(title)

    def write(self) -> None:
        """Hand them to `record`. Never raises: that a title was heard is told again by its next call."""
        with self._lock:
            titles, self._titles = self._titles, set()
        try:
            if titles:
                self.record(titles)
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("callers-not-recorded", kind=type(error).__name__)
