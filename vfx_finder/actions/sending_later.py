"""Sending an older result to a destination that was not there, or not in use, when it went out."""

from datetime import datetime

from django.db import transaction

from vfx_finder.actions._trail import Act
from vfx_finder.actions.delivery import expect
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger import lacking
from vfx_finder.ledger.models import AnalysisRecord, Case, Delivery, SignedReview


def send_to(case_id: int, destination_id: int, actor: Actor, now: datetime) -> Delivery:
    """Ask for the present result of a study to be sent to one destination, as if it had been there from the start.

    Raises `WrongState` for a destination that is switched off, has got it, or is not entitled to an unsigned result.
    """
    actor.must(Permission.RESEND)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        wanted = [one for one in lacking.destinations(case) if one.pk == destination_id]
        if not wanted:
            raise WrongState("There is no result of this study for that destination, or it has been asked for already.")
        signed = SignedReview.objects.select_related("analysis").filter(case=case).first()
        record = signed.analysis if signed else AnalysisRecord.objects.get(case=case, generation=case.generation)
        expect(record, signed, wanted, Act(actor, now))
        return Delivery.objects.select_related("destination").get(
            case=case, analysis=record, review=signed, destination_id=destination_id
        )
