"""Jobs are inserted in the transaction of the rows that cause them: both are committed, or neither."""

from contextlib import suppress

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from vfx_finder.ledger.models import Case

ANALYSE = "analyse"
ANALYSES = "analyses"
"""The queue of the workers."""


def ask_for_analysis(case: Case) -> None:
    """Insert the job that analyses this generation of the case; one study is never analysed by two workers at once."""
    name = f"case-{case.pk}"
    job = app.configure_task(
        ANALYSE, queue=ANALYSES, lock=name, queueing_lock=f"{name}-{case.generation}", allow_unknown=True
    )
    with suppress(AlreadyEnqueued), transaction.atomic():
        job.defer(case_id=case.pk, generation=case.generation)
