"""Jobs of a worker that died go back to the queue; one that is merely slow does not give its own away."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines import worker
from pipelines.worker import Hands, crew_of
from tests.support import intake as given
from tests.support import spines
from vfx_finder.actions import intake
from vfx_finder.actions.jobs import ANALYSE
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.models import Case
from vfx_finder.spool import Spool


class Seen(Exception):
    """The stalled jobs have been looked at once."""


def relieved(hands: Hands, *stalled: int) -> list[int]:
    """Which of these jobs go back to the queue when their workers' heartbeats are too old."""
    rounds = iter([[SimpleNamespace(id=number, attempts=0, task_kwargs={}) for number in stalled]])
    back: list[int] = []

    async def get_stalled_jobs(seconds_since_heartbeat: float) -> list[SimpleNamespace]:
        found = next(rounds, None)
        if found is None:
            raise Seen
        return found

    async def retry_job(job: SimpleNamespace) -> None:
        back.append(job.id)

    crew = SimpleNamespace(job_manager=SimpleNamespace(get_stalled_jobs=get_stalled_jobs, retry_job=retry_job))
    with pytest.raises(Seen):
        asyncio.run(worker._relieve_the_dead(crew, hands, 0.0))
    return back


@pytest.mark.django_db
def test_a_worker_whose_heartbeat_is_late_does_not_give_away_what_it_is_analysing(tmp_path: Path) -> None:
    """On a crowded machine: the study would be analysed once more for nothing."""
    intake.receive(given.instance(), given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(60))
    case, during = Case.objects.get(), []

    def analyse(files: Sequence[Path]) -> Analysis:
        during.append(set(hands.at_work))
        return spines.analysis({Level.L1: 2})

    hands = Hands(Spool(tmp_path), analyse)
    begun = SimpleNamespace(job=SimpleNamespace(id=7, attempts=0))
    assert crew_of(hands).tasks[ANALYSE].func(begun, case.pk, case.generation) == CaseState.AWAITING_REVIEW
    assert (during, hands.at_work) == ([{7}], set())


def test_only_the_dead_are_relieved(tmp_path: Path) -> None:
    hands = Hands(Spool(tmp_path), lambda _: spines.analysis({}), at_work={7})
    assert relieved(hands, 6, 7, 8) == [6, 8]
    assert relieved(Hands(Spool(tmp_path), hands.analyse), 7) == [7]
