"""What a sender is told when something goes wrong."""

import pytest

from dicom_listener import rows
from vfx_finder.dicom.statuses import STATUS_OF, comment_of, status_of
from vfx_finder.dicom.whole import DoesNotMatch
from vfx_finder.domain import errors
from vfx_finder.domain.errors import Broken, Retry, Unreadable, VfxError


def test_every_named_error_has_a_status():
    """A new kind of error cannot be forgotten here: the table covers the whole tree."""
    named = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VfxError)}
    assert named - {VfxError} <= {kind for kind, _ in STATUS_OF}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unreadable(), 0xC000),
        (DoesNotMatch(), 0xA900),
        (Retry(), 0xA700),
        (Broken(), 0x0110),
        (ZeroDivisionError(), 0x0110),
        (MemoryError(), 0x0110),
    ],
)
def test_the_status_says_whose_matter_it_is(error: BaseException, status: int):
    """Cannot understand, does not match, out of resources: PS3.4 table B.2-1; the rest is a processing failure."""
    assert status_of(error) == status


def test_a_failure_is_never_success_nor_a_warning():
    """A warning (Bxxx) would let the sender delete its copy."""
    assert all(status == 0x0110 or status == 0x0124 or status >> 12 in (0xA, 0xC) for _, status in STATUS_OF)


def test_only_our_own_words_reach_the_peer():
    """The comment is short (LO, 64 characters) and never repeats what a library says about a dataset."""
    assert comment_of(Retry("The spool is out of space.")) == "The spool is out of space."
    assert len(comment_of(Broken("x" * 200))) == 64
    assert "Doe^Jane" not in comment_of(ValueError("Doe^Jane"))


class Ledger:
    """A ledger that is away for the first `away` calls."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.calls = 0
        self.hang_ups = 0

    def receive(self, _instance: object) -> str:
        self.calls += 1
        if self.calls <= self.away:
            raise rows.OperationalError("server closed the connection unexpectedly")
        return "row"

    def close_all(self) -> None:
        self.hang_ups += 1


def test_a_dropped_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch):
    """The error passes on, and the next call opens a connection of its own: a restarted database needs nobody."""
    ledger = Ledger(away=1)
    monkeypatch.setattr(rows, "connections", ledger)
    act = rows.reconnecting(ledger.receive)
    with pytest.raises(rows.OperationalError):
        act(None)
    assert (act(None), ledger.calls, ledger.hang_ups) == ("row", 2, 1)
