"""The job loop: claims settled studies, has them analysed, hands the answers back. Touches no row while it analyses.

Results are delivered beside it (`deliveries`), and archives are asked for studies (`retrieval`).

A worker that dies in mid-analysis stops its heartbeat; another one, or itself after a restart, then takes the job
over. Every answer names the generation of the study it is of, so a study is recorded once, whoever comes back late.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import structlog
from asgiref.sync import sync_to_async
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import DjangoApp, app
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status

from pipelines.deliveries import delivering, post_of
from pipelines.retrieval import asker_of, retrieving
from pipelines.upkeep import upkeep
from vfx_finder.actions import analysis
from vfx_finder.actions.analysis import Failure
from vfx_finder.actions.jobs import ANALYSE, ANALYSES, ask_for_analysis
from vfx_finder.config import Settings
from vfx_finder.domain.errors import Retry, VfxError, WrongState
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.hours import WHOLE_DAY, Hours
from vfx_finder.domain.routing import Priority
from vfx_finder.ledger import queries
from vfx_finder.ledger.models import Case
from vfx_finder.spool import Spool

log = structlog.get_logger(__name__)

Analyse = Callable[[Sequence[Path]], Analysis]
"""From the files of one study to its analysis."""

MOST_ATTEMPTS = 3
"""A study that asked for patience, or took its worker down, this often is listed as failed."""

BACK_OFF_SECONDS = 5
"""A retry waits 5, then 25 seconds."""


@dataclass(frozen=True)
class Hands:
    """What a worker works with: where the bytes lie, and who analyses them."""

    spool: Spool
    analyse: Analyse
    off_peak: Hours = WHOLE_DAY
    """When studies of the priority off-peak are analysed."""
    at_work: set[int] = field(default_factory=set)
    """The jobs in hand at this moment, by their numbers."""


def work(settings: Settings, analyse: Analyse) -> None:
    """Work until SIGINT or SIGTERM. Django is set up already and the database answers."""
    hands = Hands(Spool(settings.spool_dir), analyse, settings.off_peak_hours)
    asker = asker_of(settings, hands.spool)
    with upkeep(settings, hands.spool), delivering(post_of(settings, hands.spool)), retrieving(asker):
        asyncio.run(_work(settings, hands))


async def _work(settings: Settings, hands: Hands) -> None:
    crew = crew_of(hands)
    async with crew.open_async():
        relief = asyncio.create_task(_relieve_the_dead(crew, hands, settings.stalled_seconds))
        try:
            await crew.run_worker_async(
                queues=[ANALYSES],
                concurrency=1,
                update_heartbeat_interval=settings.stalled_seconds / 3,
                stalled_worker_timeout=settings.stalled_seconds,
                delete_jobs="never",
            )
        finally:
            relief.cancel()
            with suppress(asyncio.CancelledError):
                await relief


def crew_of(hands: Hands) -> DjangoApp:
    """The queue's application with the one task that these hands can do."""
    crew = DjangoApp(connector=app.connector.get_worker_connector())  # type: ignore[attr-defined]
    patience = RetryStrategy(
        max_attempts=MOST_ATTEMPTS - 1, exponential_wait=BACK_OFF_SECONDS, retry_exceptions={Retry}
    )

    @crew.task(name=ANALYSE, pass_context=True, retry=patience)
    def analyse(context: JobContext, case_id: int, generation: int) -> str:
        with _at_work(hands, cast(int, context.job.id)):
            return attempt(hands, case_id, generation, is_last=context.job.attempts >= MOST_ATTEMPTS - 1)

    return crew


@contextmanager
def _at_work(hands: Hands, job_id: int) -> Iterator[None]:
    hands.at_work.add(job_id)
    try:
        yield
    finally:
        hands.at_work.discard(job_id)


def attempt(hands: Hands, case_id: int, generation: int, *, is_last: bool) -> str:
    """Analyse one generation of one study and record what came of it; returns that in a word.

    Raises `Retry` where trying again may help, unless this is the last attempt.
    """
    try:
        case = analysis.claim(case_id, generation)
        structlog.contextvars.bind_contextvars(correlation_id=case.correlation_id)
        if _must_wait(hands, case):
            return "put off to the off-peak hours"
        return _analyse_and_record(hands, case_id, generation)
    except WrongState:
        log.info("analysis-not-wanted", case=case_id, generation=generation)
        return "not wanted any more"
    except Retry as error:
        if not is_last:
            raise
        return _list_as_failed((case_id, generation), Failure.KEPT_RETRYING, str(error))
    except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
        # Only an error of our own may speak: a message of a library may quote a header.
        detail = str(error) if isinstance(error, VfxError) else type(error).__name__
        log.error("analysis-failed", case=case_id, kind=type(error).__name__, where=_where(error))
        return _list_as_failed((case_id, generation), Failure.BROKEN, detail)
    finally:
        structlog.contextvars.unbind_contextvars("correlation_id")


def _must_wait(hands: Hands, case: Case) -> bool:
    """Whether this study is for other hours of the day; its job is then put off until they begin."""
    local = _now().astimezone()
    if case.priority != Priority.OFF_PEAK or hands.off_peak.contain(local):
        return False
    ask_for_analysis(case, at=hands.off_peak.opening(local))
    log.info("put-off", case=case.pk)
    return True


def _analyse_and_record(hands: Hands, case_id: int, generation: int) -> str:
    files = [hands.spool.path_of(path) for path in queries.spool_paths(case_id)]
    log.info("analysing", case=case_id, generation=generation, files=len(files))
    answer = hands.analyse(files)
    state = analysis.record(case_id, generation, answer, _now())
    log.info("analysed", case=case_id, state=state, seconds=answer.seconds.get("total"))
    return state


def _list_as_failed(which: tuple[int, int], failure: Failure, detail: str) -> str:
    with suppress(WrongState):
        analysis.fail(*which, failure, detail, _now())
    return failure


def _where(error: BaseException) -> str:
    """File and line of the deepest frame: enough to find a defect, and no value of any header."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


async def _relieve_the_dead(crew: DjangoApp, hands: Hands, stalled_seconds: float) -> None:
    """Give the jobs of workers without a heartbeat back to the queue, for ever."""
    while True:
        with suppress(ConnectorException):
            for job in await crew.job_manager.get_stalled_jobs(seconds_since_heartbeat=stalled_seconds):
                if job.id not in hands.at_work:  # our own heartbeat may be late, but we are not dead
                    await _relieve(crew, job)
        await asyncio.sleep(stalled_seconds / 3)


async def _relieve(crew: DjangoApp, job: Job) -> None:
    log.warning("worker-lost", case=job.task_kwargs.get("case_id"), attempts=job.attempts)
    if job.attempts < MOST_ATTEMPTS - 1:
        await crew.job_manager.retry_job(job)
        return
    which = (cast(int, job.task_kwargs["case_id"]), cast(int, job.task_kwargs["generation"]))
    detail = f"{MOST_ATTEMPTS} workers ended while they analysed it."
    await sync_to_async(_list_as_failed, thread_sensitive=False)(which, Failure.WORKER_LOST, detail)
    await crew.job_manager.finish_job(job, Status.FAILED, delete_job=False)


def _now() -> datetime:
    return datetime.now(UTC)
