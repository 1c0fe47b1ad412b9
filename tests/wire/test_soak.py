"""The whole edge under load while its parts are killed: a short soak; the long one is `benchmarks.soak` itself."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHORT = {"studies": 24, "instances": 6, "seconds": 12, "kill-every": 6, "settle-seconds": 3, "patience": 600}


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_however_often_something_is_killed():
    """Listener, worker and database are killed with -9 while eight senders push; every study ends, once.

    In a process of its own: senders that are cut off leave sockets behind.
    """
    options = [word for name, value in SHORT.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.soak", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'listener': " in done.stdout, "nothing was killed"
