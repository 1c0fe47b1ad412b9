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


@pytest.mark.parametrize("away", [0, 1])
def test_a_dropped_connection_is_opened_anew_once(monkeypatch: pytest.MonkeyPatch, away: int):
    """A restarted database costs nobody an instance."""
    ledger = Ledger(away)
    monkeypatch.setattr(rows, "connections", ledger)
    assert rows.persistent(ledger.receive)(None) == "row"
    assert ledger.hang_ups == away


def test_a_ledger_that_stays_away_means_come_again(monkeypatch: pytest.MonkeyPatch):
    """The sender is told to retry, and the broken connection is not kept for the next instance."""
    ledger = Ledger(away=9)
    monkeypatch.setattr(rows, "connections", ledger)
    with pytest.raises(Retry):
        rows.persistent(ledger.receive)(None)
    assert (ledger.calls, ledger.hang_ups) == (2, 2)


def test_any_other_error_is_not_tried_again(monkeypatch: pytest.MonkeyPatch):
    """Only a lost connection heals by itself."""
    monkeypatch.setattr(rows, "connections", Ledger(0))

    def receive(_instance: object) -> None:
        raise Unreadable

    with pytest.raises(Unreadable):
        rows.persistent(receive)(None)
