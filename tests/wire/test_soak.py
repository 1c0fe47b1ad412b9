"""The whole edge under load while its parts are killed: a short soak; the long one is `benchmarks.soak`."""

import tempfile
from pathlib import Path

import pytest

from tests.support.soak import Load, soak
from tests.wire.conftest import PEERS_VANISH


@pytest.mark.slow
@PEERS_VANISH
def test_nothing_acknowledged_is_lost_however_often_something_is_killed():
    """Listener, worker and database are killed with -9 while eight senders push; every study ends, once."""
    load = Load(studies=24, instances=6, seconds=12, kill_every=6, settle_seconds=3, patience=150)
    # Not in pytest's own folder: another run of pytest closes that to the account that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="vfx-soak-") as folder:
        outcome = soak(Path(folder), load)
    assert outcome.is_good, outcome
    assert len(outcome.acknowledged) == 24 * 6
    assert outcome.kills, "nothing was killed"
