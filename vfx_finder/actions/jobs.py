"""Jobs are inserted in the transaction of the rows that cause them: both are committed, or neither."""

from contextlib import suppress
from datetime import datetime

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import JobDeferrer

from vfx_finder.domain.routing import Priority
from vfx_finder.ledger.models import Case

ANALYSE = "analyse"
ANALYSES = "analyses"
"""The queue of the workers."""

HOW_SOON = {Priority.URGENT: 10, Priority.NORMAL: 0, Priority.OFF_PEAK: -10}
"""Of two waiting jobs the one with the higher number is done first."""


def ask_for_analysis(case: Case, at: datetime | None = None) -> None:
    """Insert the job that analyses this generation of the case; one study is never analysed by two workers at once.

    It is done in the order of the case's priority, and not before `at` where that is given.
    """
    with suppress(AlreadyEnqueued), transaction.atomic():
        _job(case, at).defer(case_id=case.pk, generation=case.generation)


def ask_no_more(case: Case) -> None:
    """Withdraw the job of this generation, if it waits; one that runs already is left alone."""
    waiting = ProcrastinateJob.objects.filter(queueing_lock=_once(case), status="todo")
    for pk in waiting.values_list("pk", flat=True):
        app.job_manager.cancel_job_by_id(pk)


def _job(case: Case, at: datetime | None) -> JobDeferrer:
    return app.configure_task(
        ANALYSE,
        queue=ANALYSES,
        lock=f"case-{case.pk}",
        queueing_lock=_once(case),
        priority=HOW_SOON[Priority(case.priority)],
        schedule_at=at,
        allow_unknown=True,
    )


def _once(case: Case) -> str:
    return f"case-{case.pk}-{case.generation}"
