"""A worker may die at any moment: the study is analysed all the same, and recorded once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.support import intake as given
from vfx_finder.actions import intake
from vfx_finder.actions.analysis import Failure
from vfx_finder.domain.flow import CaseState
from vfx_finder.ledger.models import AnalysisRecord, Case

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 300.0

Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "analyses"
    file.touch()
    return file


@pytest.fixture
def start_worker(database_url: str, log: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a worker process whose analysis takes this many seconds, or as `slow_worker` says."""
    started: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {
        "VFX_DATABASE_URL": database_url,
        "VFX_DATA_DIR": str(tmp_path / "data"),
        "VFX_STALLED_SECONDS": "5",
        "VFX_LOG_LEVEL": "WARNING",
    }

    def start(seconds: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.support.slow_worker", str(log), seconds]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def settled(committed_db: None) -> Case:
    """A study that waits for a worker."""
    intake.receive(given.instance(), given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(60))
    return Case.objects.get()


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def state_of(case: Case) -> CaseState:
    return CaseState(Case.objects.get(pk=case.pk).state)


def test_a_worker_killed_in_mid_analysis_loses_nothing(settled: Case, start_worker: Start, log: Path) -> None:
    """kill -9 of the worker in mid-analysis: another one takes the study over and it is recorded exactly once."""
    first = start_worker("held")
    wait_for(lambda: log.read_text() == "start\n")
    first.kill()
    first.wait()
    start_worker("0.1")
    wait_for(lambda: state_of(settled) is CaseState.AWAITING_REVIEW)
    wait_for(lambda: ProcrastinateJob.objects.get().status == "succeeded")
    assert log.read_text().split() == ["start", "start", "end"]
    assert AnalysisRecord.objects.count() == 1


def test_a_worker_that_comes_back_late_is_not_believed(settled: Case, start_worker: Start, log: Path) -> None:
    """A worker that was only frozen, given up and then woken, ends its analysis, and its answer is refused."""
    first = start_worker("held")
    wait_for(lambda: log.read_text() == "start\n")
    first.send_signal(signal.SIGSTOP)
    start_worker("0.1")
    wait_for(lambda: state_of(settled) is CaseState.AWAITING_REVIEW)
    log.with_suffix(".go").touch()
    first.send_signal(signal.SIGCONT)
    wait_for(lambda: log.read_text().split().count("end") == 2)
    first.terminate()
    first.wait(PATIENCE)  # it ends when what it has in hand is done
    assert AnalysisRecord.objects.count() == 1


@pytest.mark.slow
def test_a_study_that_takes_every_worker_down_is_listed_as_failed(
    settled: Case, start_worker: Start, log: Path
) -> None:
    for deaths in (1, 2, 3):
        start_worker("crash").wait(PATIENCE)
        assert log.read_text().split() == ["start"] * deaths
    start_worker("0.1")
    wait_for(lambda: state_of(settled) is CaseState.FAILED)
    case = Case.objects.get()
    assert case.reason == Failure.WORKER_LOST
    assert log.read_text().split() == ["start"] * 3
