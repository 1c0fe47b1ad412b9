"""The whole edge under load while its parts are killed: a short soak; the long one is `benchmarks.soak`."""

from pathlib import Path

import pytest

from tests.support.soak import Load, soak
from tests.wire.conftest import PEERS_VANISH


@pytest.mark.slow
@PEERS_VANISH
def test_nothing_acknowledged_is_lost_however_often_something_is_killed(tmp_path: Path):
    """Listener, worker and database are killed with -9 while eight senders push; every study ends, once."""
    load = Load(studies=24, instances=6, seconds=15, kill_every=9, settle_seconds=3)
    outcome = soak(tmp_path, load)
    assert outcome.is_good, outcome
    assert len(outcome.acknowledged) == 24 * 6
    assert set(outcome.kills) == {"listener", "worker", "database"}
