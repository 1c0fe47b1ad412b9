"""Keeps processes running: starts them, starts a dead one again, ends them all in order."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import structlog

from vfx_finder.domain.errors import Broken

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.2
UPKEEP_EVERY = 3.0
GRACE_SECONDS = 10.0
"""Between asking a process to end and ending it."""
READY_SECONDS = 180.0
LONGEST_PAUSE = 30.0
HEALTHY_AFTER = 60.0
"""A process that lived this long starts with a short pause again when it dies."""
LONGEST_LOG_BYTES = 20_000_000
"""Of each part, and as much again of what came before: a month or more of a busy hospital, and never a full disk."""


@dataclass(frozen=True)
class Part:
    """One process of the system. `ready` says whether it does its work yet."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]


@dataclass
class Watched:
    """A part and its present process."""

    part: Part
    log_file: Path
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = 1.0
    again_at: float = 0.0
    deaths: int = 0

    def start(self) -> None:
        """Start the process; what it says goes to its log file."""
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                self.part.command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then ends the parts in order
            )
        self.started = time.monotonic()

    def keep_log_short(self) -> None:
        """Move what the log says to `.log.1` once it is long; the process, which appends, goes on from its beginning.

        A line that is written at this very moment may be lost.
        """
        if self.log_file.exists() and self.log_file.stat().st_size > LONGEST_LOG_BYTES:
            shutil.copyfile(self.log_file, self.log_file.with_suffix(".log.1"))
            os.truncate(self.log_file, 0)

    @property
    def is_dead(self) -> bool:
        """It was started and has ended."""
        return self.process is not None and self.process.poll() is not None


@dataclass
class Supervisor:
    """The watched parts, and the wish to stop."""

    watched: tuple[Watched, ...]
    upkeep: Callable[[], object] = lambda: None
    """Done every few seconds besides."""
    stop: threading.Event = field(default_factory=threading.Event)
    kept_at: float = 0.0

    def wait_until_ready(self) -> bool:
        """True when every part does its work, False when asked to stop before that.

        Raises `Broken`, with the place of its log, for a part that does not come up.
        """
        until = time.monotonic() + READY_SECONDS
        waiting = list(self.watched)
        while waiting and not self.stop.is_set():
            self.look()
            waiting = [one for one in waiting if not one.part.ready()]
            late = time.monotonic() > until
            hopeless = [one for one in waiting if late or one.deaths > 2]
            if hopeless:
                raise Broken(f"The {hopeless[0].part.name} does not start; see {hopeless[0].log_file}.")
            self.stop.wait(LOOK_EVERY if waiting else 0)
        return not self.stop.is_set()

    def look(self) -> None:
        """Start again what has died, with a growing pause."""
        if time.monotonic() >= self.kept_at + UPKEEP_EVERY:
            self.upkeep()
            for one in self.watched:
                one.keep_log_short()
            self.kept_at = time.monotonic()
        for one in self.watched:
            if one.is_dead:
                _bury(one)
            if one.process is None and time.monotonic() >= one.again_at:
                one.start()

    def run(self) -> None:
        """Watch until asked to stop."""
        while not self.stop.wait(LOOK_EVERY):
            self.look()

    def end(self) -> None:
        """Ask every part to end, in reverse order of their start; end by force what has not after the grace."""
        alive = [one for one in reversed(self.watched) if one.process is not None]
        for one in alive:
            _send(one, signal.SIGTERM)
        until = time.monotonic() + GRACE_SECONDS
        for one in alive:
            _await_end(one, until)


def _bury(one: Watched) -> None:
    assert one.process is not None
    lived = time.monotonic() - one.started
    one.pause = 1.0 if lived > HEALTHY_AFTER else min(2 * one.pause, LONGEST_PAUSE)
    one.again_at = time.monotonic() + one.pause
    one.deaths = 0 if lived > HEALTHY_AFTER else one.deaths + 1
    log.warning("part-died", part=one.part.name, code=one.process.returncode, again_in=one.pause)
    one.process = None


def _send(one: Watched, which: signal.Signals) -> None:
    if one.process is not None and one.process.poll() is None:
        one.process.send_signal(which)


def _await_end(one: Watched, until: float) -> None:
    assert one.process is not None
    try:
        one.process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        # What it was doing is not lost: its job goes back to the queue when its heartbeat is missed.
        log.warning("part-ended-by-force", part=one.part.name)
        os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()
    one.process = None


@contextmanager
def supervising(
    parts: Sequence[Part], log_dir: Path, upkeep: Callable[[], object] = lambda: None
) -> Iterator[Supervisor]:
    """Start these parts and keep them running during the block; SIGINT and SIGTERM set `stop`.

    `upkeep` is done every few seconds besides, and before the parts start.
    """
    log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    supervisor = Supervisor(tuple(Watched(part, log_dir / f"{part.name}.log") for part in parts), upkeep)

    def asked_to_stop(_signal: int, _frame: FrameType | None) -> None:
        supervisor.stop.set()

    before = {which: signal.signal(which, asked_to_stop) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        supervisor.look()
        yield supervisor
    finally:
        supervisor.end()
        for which, handler in before.items():
            signal.signal(which, handler)
