"""The audit trail, written in the transaction of what it tells of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
    AuditEvent.objects.create(
        **_who(act), verb=verb, case=case, referral=referral, correlation_id=case.correlation_id, detail=detail or {}
    )


def note(act: Act, verb: str, detail: Detail | None = None) -> None:
    """Append one event that belongs to no study. `detail` never carries identifiers."""
    AuditEvent.objects.create(**_who(act), verb=verb, detail=detail or {})


def _who(act: Act) -> dict[str, Any]:
    actor = act.actor
    process = "" if actor.user_id is not None else actor.name
    return {"at": act.now, "user_id": actor.user_id, "process": process, "name": actor.name, "role": actor.role}
