"""The audit trail, written in the transaction of what it tells of."""

from dataclasses import dataclass
from datetime import datetime

from vfx_finder.domain.actor import Actor
from vfx_finder.ledger.models import AuditEvent, Case, Referral

Detail = dict[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Act:
    """Who acts, and when (with a time zone). Raises `ValueError` for a time without one."""

    actor: Actor
    now: datetime

    def __post_init__(self) -> None:
        if self.now.utcoffset() is None:
            raise ValueError("The time of an act carries its time zone.")


def tell(act: Act, verb: str, case: Case, detail: Detail | None = None, *, referral: Referral | None = None) -> None:
    """Append one event about a study, and a referral where one is meant. `detail` never carries identifiers."""
    person = act.actor.user_id is not None
    AuditEvent.objects.create(
        at=act.now,
        user_id=act.actor.user_id,
        process="" if person else act.actor.name,
        name=act.actor.name,
        role=act.actor.role,
        verb=verb,
        case=case,
        referral=referral,
        correlation_id=case.correlation_id,
        detail=detail or {},
    )
