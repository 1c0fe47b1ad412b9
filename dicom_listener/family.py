"""Several processes that take connections from one socket; the parent only starts again the ones that die."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

STOP = frozenset({signal.SIGINT, signal.SIGTERM})
PAUSE_S = 1.0
"""Between a death and the next start: a child that cannot live must not burn a processor."""
GRACE_S = 20.0
PR_SET_PDEATHSIG = 1

Life = Callable[[int], object]
"""What a child does, by its number from 0; it ends when it is sent a signal of `STOP`."""


def raise_family(size: int, life: Life) -> None:
    """Keep this many children alive until SIGINT or SIGTERM, which must be blocked already.

    Called before any thread or database connection exists, since the children are forked. The socket that they share
    stays open in the parent: a caller who knocks while one is dead is answered by another.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    family = _Family(size, life)
    try:
        family.watch()
    finally:
        family.end()


@dataclass
class _Family:
    size: int
    life: Life
    children: dict[int, int] = field(default_factory=dict)
    again_at: dict[int, float] = field(default_factory=dict)

    def watch(self) -> None:
        while True:
            for number in set(range(self.size)) - set(self.children.values()):
                if time.monotonic() >= self.again_at.get(number, 0.0):
                    self._start(number)
            caught = signal.sigtimedwait(STOP | {signal.SIGCHLD}, PAUSE_S)
            if caught is not None and caught.si_signo in STOP:
                return
            self._bury()

    def end(self) -> None:
        for child in self.children:
            os.kill(child, signal.SIGTERM)
        until = time.monotonic() + GRACE_S
        while self.children and time.monotonic() < until:
            self._bury()
            time.sleep(0.02)
        for child in self.children:
            os.kill(child, signal.SIGKILL)

    def _start(self, number: int) -> None:
        parent = os.getpid()
        child = os.fork()
        if child:
            self.children[child] = number
            return
        _live(parent, lambda: self.life(number))

    def _bury(self) -> None:
        for child, number in list(self.children.items()):
            dead, status = os.waitpid(child, os.WNOHANG)
            if not dead:
                continue
            del self.children[child]
            self.again_at[number] = time.monotonic() + PAUSE_S
            if status:
                log.error("listener-process-died", number=number, status=os.waitstatus_to_exitcode(status))


def _live(parent: int, life: Callable[[], object]) -> None:
    """A child's life from birth to exit; nothing of the parent's stack is ever returned to."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    if sys.platform == "linux":  # the kernel sends SIGTERM when the parent dies, whatever kills that
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    code = 1
    try:
        if os.getppid() == parent:
            life()
        code = 0
    except Exception as error:  # noqa: BLE001 - the parent must not wake up twice
        log.error("listener-process-failed", kind=type(error).__name__, why=str(error))
    finally:
        os._exit(code)
