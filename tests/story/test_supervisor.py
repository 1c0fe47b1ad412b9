"""The supervisor starts again what dies, ends what it started, and leaves nothing behind when it is killed itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vfx_finder.cli import _supervisor
from vfx_finder.cli._supervisor import Part, Supervisor, supervising
from vfx_finder.domain.errors import Broken

REPOSITORY = Path(__file__).parents[2]
SLEEPER = "import time; time.sleep(3600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); {SLEEPER}"
ORPHAN = """
import sys, time
from pathlib import Path
from vfx_finder.cli._supervisor import Part, supervising
child = "from vfx_finder.cli._part import end_with_parent; end_with_parent(); print('on', flush=True)"
code = child + "; import time; time.sleep(3600)"
with supervising([Part("child", (sys.executable, "-c", code), lambda: True)], Path(sys.argv[1])) as supervisor:
    print(supervisor.watched[0].process.pid, flush=True)
    supervisor.run()
"""


def part(code: str, name: str = "part", ready: Callable[[], bool] = lambda: True) -> Part:
    return Part(name, (sys.executable, "-c", code), ready)


def pids(supervisor: Supervisor) -> list[int]:
    return [one.process.pid for one in supervisor.watched if one.process]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has gone between the two looks
        return False


def wait_for(what: Callable[[], object]) -> None:
    until = time.monotonic() + 300
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def test_what_dies_is_started_again_and_all_ends_with_the_block(tmp_path: Path) -> None:
    with supervising([part(SLEEPER, "one"), part(SLEEPER, "two")], tmp_path) as supervisor:
        assert supervisor.wait_until_ready()
        first, second = pids(supervisor)
        os.kill(first, signal.SIGKILL)

        def replaced() -> bool:
            supervisor.look()
            return len(pids(supervisor)) == 2 and pids(supervisor)[0] != first

        wait_for(replaced)
        assert pids(supervisor)[1] == second, "the living one is left alone"
        alive = pids(supervisor)
    assert not any(is_alive(pid) for pid in alive)


def test_what_will_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_supervisor, "GRACE_SECONDS", 0.5)
    with supervising([part(STUBBORN)], tmp_path) as supervisor:
        wait_for(lambda: "on" in (tmp_path / "part.log").read_text())
        (pid,) = pids(supervisor)
    assert not is_alive(pid)


def test_what_never_comes_up_is_named_with_the_place_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_supervisor, "LONGEST_PAUSE", 0.1)
    dying = part("raise SystemExit(3)", "worker", lambda: False)
    with (
        supervising([dying], tmp_path) as supervisor,
        pytest.raises(Broken, match=r"worker does not start.*worker\.log"),
    ):
        supervisor.wait_until_ready()


def test_a_log_never_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_supervisor, "LONGEST_LOG_BYTES", 2000)
    monkeypatch.setattr(_supervisor, "UPKEEP_EVERY", 0.0)
    chatty = part("import time\nfor n in range(10**6): print('line', n, flush=True); time.sleep(0.001)")
    log, before = tmp_path / "part.log", tmp_path / "part.log.1"
    with supervising([chatty], tmp_path) as supervisor:
        wait_for(lambda: supervisor.look() is None and before.exists())
        first_kept = before.read_text().splitlines()[0]
        wait_for(lambda: supervisor.look() is None and before.read_text().splitlines()[0] != first_kept)
        wait_for(lambda: "line" in log.read_text())
    assert before.read_text().startswith("line")
    assert "\0" not in log.read_text()
    assert log.stat().st_size + before.stat().st_size < 1_000_000, "of twelve that it would say"


def test_ctrl_c_is_a_wish_to_stop(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with supervising([part(SLEEPER)], tmp_path) as supervisor:
        os.kill(os.getpid(), signal.SIGINT)
        supervisor.run()
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_supervisor_leaves_no_part_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHAN, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline())
        wait_for(lambda: "on" in (tmp_path / "child.log").read_text())
        supervisor.kill()
        wait_for(lambda: not is_alive(child))
