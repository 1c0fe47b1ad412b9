"""File first, row second: how every received instance is kept, whichever way it came. Knows no database itself."""

from collections.abc import Callable
from dataclasses import dataclass

from vfx_finder.dicom.headers import Header, read_header
from vfx_finder.domain.identity import Uid
from vfx_finder.domain.study import Instance
from vfx_finder.spool import Spool

Receive = Callable[[Instance], object]
"""Makes the row of an instance, or takes over to make it; to be tried again by the sender when it raises."""


@dataclass(frozen=True)
class Keeper:
    """Where instances go: their bytes to the spool, their row to `receive`.

    `rows_follow`: `receive` only takes the row over, and whoever writes it tells the spool (`Spool.recorded`).
    """

    spool: Spool
    receive: Receive
    rows_follow: bool = False


def keep_and_record(keeper: Keeper, header: Header, content: bytes, calling: str) -> None:
    """Keep this file and make its row; when it returns, the instance may be acknowledged.

    A crash in between leaves a file without a row, never a row without a file. Raises what spool and `receive` raise.
    """
    kept = keeper.spool.keep(Uid(header.SOPInstanceUID), content, calling)
    if kept.differs:
        first = read_header(keeper.spool.path_of(kept.path))
        keeper.receive(first.received(path=kept.path, sha256=kept.sha256, calling=calling))
    # After a difference the ledger hears what was offered, and notes it; it keeps its row of the first.
    keeper.receive(header.received(path=kept.path, sha256=kept.offered, calling=calling))
    if not keeper.rows_follow:
        keeper.spool.recorded([kept.path])
