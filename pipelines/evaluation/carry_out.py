"""Work through many cases, in this process or in several, so that one that fails never stops the others."""

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from pipelines.evaluation.processes import processes
from pipelines.evaluation.record import Analyser
from vfx_finder.domain.errors import VfxError

Workshop = Callable[[], Analyser]
"""Makes the analyser; called once in each process, since loading networks takes seconds."""

Work = Callable[[Any, Analyser | None], Any]
"""One task, done with the analyser (None where none is needed). Both must be importable by name for several
processes."""


@dataclass(frozen=True)
class Failed:
    """Why a task has no outcome, in words without any detail of the image."""

    reason: str


@dataclass(frozen=True)
class Crew:
    """How the work is done. `jobs` is the number of processes; 1 works within this one."""

    work: Work
    workshop: Workshop | None
    jobs: int = 1


def carry_out(tasks: Sequence[Any], crew: Crew) -> Iterator[tuple[Any, Any]]:
    """Each task with its outcome, or `Failed`, as they come.

    A process that is ended from outside (out of memory) costs only the task that does it again when it is alone.
    """
    waiting = deque(tasks)
    while waiting:
        suspects: list[Any] = []
        for task, future in _together(waiting, crew):
            if isinstance(future.exception(), BrokenProcessPool):
                suspects.append(task)
            else:
                yield task, _outcome(future)
        yield from ((task, _outcome(_alone(task, crew))) for task in suspects)


def _together(waiting: deque[Any], crew: Crew) -> Iterator[tuple[Any, Future[Any]]]:
    with _pool(crew.jobs) as pool:
        yield from _in_turn(pool, waiting, crew)


def _alone(task: Any, crew: Crew) -> Future[Any]:
    with _pool(crew.jobs) as pool:
        future = pool.submit(_done, task, crew)
        wait([future])
    return future


def _pool(jobs: int) -> Executor:
    if jobs == 1:
        return ThreadPoolExecutor(1)
    return processes(jobs)


def _in_turn(pool: Executor, waiting: deque[Any], crew: Crew) -> Iterator[tuple[Any, Future[Any]]]:
    """Tasks that ended, until none is left or the pool broke. Only as many are handed out as are worked on."""
    running: dict[Future[Any], Any] = {}
    broken = False
    while running or (waiting and not broken):
        broken = broken or not _handed_out(pool, waiting, running, crew)
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            broken = broken or isinstance(future.exception(), BrokenProcessPool)
            yield running.pop(future), future


def _handed_out(pool: Executor, waiting: deque[Any], running: dict[Future[Any], Any], crew: Crew) -> bool:
    """Give the pool as many as are worked on; whether it took them. One that it did not take goes on waiting."""
    try:
        while waiting and len(running) < crew.jobs:
            running[pool.submit(_done, waiting[0], crew)] = waiting[0]
            waiting.popleft()
    except BrokenProcessPool:
        return False
    return True


def _done(task: Any, crew: Crew) -> Any:
    return crew.work(task, _made(crew.workshop) if crew.workshop else None)


@functools.cache
def _made(workshop: Workshop) -> Analyser:
    return workshop()


def _outcome(future: Future[Any]) -> Any:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, BrokenProcessPool):
        return Failed("its process was ended from outside, most likely for want of memory")
    return Failed(f"{type(error).__name__}: {error}" if isinstance(error, VfxError) else type(error).__name__)
