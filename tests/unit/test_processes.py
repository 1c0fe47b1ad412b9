"""Who evaluates a hospital's scans may close the terminal: nothing of the evaluation stays behind in memory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

OWNER = """
import os, time
from pipelines.evaluation.processes import processes

if __name__ == "__main__":
    with processes(2) as crew:
        print(*{crew.submit(os.getpid).result() for _ in range(2)}, flush=True)
        time.sleep(600)
"""


def test_processes_end_with_their_owner_even_if_it_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        workers = [int(pid) for pid in owner.stdout.readline().split()]
        assert workers
        assert all(map(_lives, workers))
        owner.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while any(map(_lives, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_lives, workers))


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
