"""A real worker with a slow, made-up analysis, as a process that a test can kill.

Run as `python -m tests.support.slow_worker LOG SECONDS`: every analysis appends "start" to LOG, sleeps, appends "end".
With SECONDS "crash" the process kills itself in mid-analysis, with "held" it analyses until LOG.go exists.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support import spines
from vfx_finder import bootstrap
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.spine import Level


def main(log: Path, seconds: str) -> None:
    settings = bootstrap.begin()
    from pipelines.worker import work

    def say(word: str) -> None:
        with log.open("a") as file:
            file.write(f"{word}\n")

    def analyse(files: Sequence[Path]) -> Analysis:
        say("start")
        if seconds == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if seconds == "held":
            _await(log.with_suffix(".go"))
        else:
            time.sleep(float(seconds))
        say("end")
        return spines.analysis({Level.L1: 2})

    work(settings, analyse)


def _await(file: Path) -> None:
    while not file.exists():
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
