"""Responsibility taken for instances: asked, judged by row and bytes, and told until the peer has heard it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction

from vfx_finder.dicom.accepted import STORAGE_CLASSES
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.commitment import (
    GIVEN_UP_AFTER,
    MOST_REFERENCES,
    ROWS_FOLLOW,
    Asked,
    FailureReason,
    Reference,
    Report,
    pause_after,
)
from vfx_finder.domain.delivery import Protocol
from vfx_finder.domain.errors import Broken, Retry, WrongState
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.models import CommitmentRequest, Destination, Sender, StoredInstance
from vfx_finder.spool import Spool

LEFT_ALONE = timedelta(seconds=10)
"""The process that heard a request answers it; another one takes it over after this long."""
IN_HAND = timedelta(minutes=5)
"""Judging and telling take less; after this long whoever had it in hand is dead."""
LOOK_AGAIN = timedelta(seconds=2)


@dataclass(frozen=True)
class Peer:
    """Who asked: its AE title and the address it called from."""

    calling: str
    host: str


@dataclass(frozen=True)
class Claimed:
    """A request in hand. `port`: where the peer itself listens, None where no operator has said so.

    `by_tls`: whether it is spoken to by TLS there; None where nothing but its own calls tells.
    """

    id: int
    asked: Asked
    peer: Peer
    asked_at: datetime
    port: int | None
    by_tls: bool | None = None


def ask(asked: Asked, peer: Peer, actor: Actor, now: datetime) -> int:
    """Keep a request; its id. Asked again with the same instances, it is answered again.

    Raises `Retry` for more instances than are taken at once, `WrongState` where the peer has used the Transaction UID
    for other instances.
    """
    actor.must(Permission.RECEIVE)
    if len(asked.references) > MOST_REFERENCES:
        raise Retry("More instances are asked for than are taken at once.")
    named = [[one.SOPClassUID, one.SOPInstanceUID] for one in asked.references]
    fresh = {"asked_at": now, "next_at": now + LEFT_ALONE, "answer": None, "answered_at": None}
    with transaction.atomic():
        request, is_new = CommitmentRequest.objects.select_for_update().get_or_create(
            calling=peer.calling[:64],
            TransactionUID=asked.TransactionUID,
            defaults={"host": peer.host[:64], "asked": named, **fresh},
        )
        if request.asked != named:
            raise WrongState("This Transaction UID is in use for other instances.")
        if not is_new:
            again = {"host": peer.host[:64], "attempts": 0, "problem": "", **fresh}
            CommitmentRequest.objects.filter(pk=request.pk).update(**again)
    return int(request.pk)


def claim(now: datetime, busy: Iterable[str] = (), request_id: int | None = None) -> Claimed | None:
    """Take one request in hand: this one, or the one that is longest due and not of a `busy` title. None = nothing.

    Nobody else gets it for a while; `told` or `not_told` ends that. Safe in several processes at once. Whoever names
    the request that it heard need not leave it alone first.
    """
    due = CommitmentRequest.objects.filter(next_at__lte=now + LEFT_ALONE if request_id else now)
    wanted = due.filter(pk=request_id) if request_id else due
    with transaction.atomic():
        free = wanted.exclude(calling__in=list(busy)).select_for_update(skip_locked=True)
        request = free.order_by("next_at").first()
        if request is None:
            return None
        request.next_at = now + IN_HAND
        request.save(update_fields=["next_at"])
    port = _port_of(request.calling)
    references = tuple(Reference(*pair) for pair in request.asked)
    asked = Asked(request.TransactionUID, references)
    peer = Peer(request.calling, request.host)
    return Claimed(request.pk, asked, peer, request.asked_at, port, _by_tls(request.calling, port))


def is_owed(request_id: int) -> bool:
    """Whether the peer still waits for this result, and somebody will try to tell it."""
    return CommitmentRequest.objects.filter(pk=request_id, next_at__isnull=False).exists()


def _port_of(calling: str) -> int | None:
    """Where this title listens: as its sender's row says, else as the destination of the same title."""
    said = Sender.objects.filter(AETitle=calling, enabled=True, port__isnull=False).values_list("port", flat=True)
    same = Destination.objects.filter(protocol=Protocol.DICOM.value, AETitle=calling, enabled=True)
    return said.first() or same.order_by("pk").values_list("port", flat=True).first()


def _by_tls(calling: str, port: int | None) -> bool | None:
    """What an operator has set for the destination that this title and port are too."""
    same = Destination.objects.filter(protocol=Protocol.DICOM.value, AETitle=calling, port=port)
    return same.values_list("use_tls", flat=True).first()


def judge(claimed: Claimed, spool: Spool, now: datetime) -> Report | None:
    """The answer to a request: an instance is committed if it has its row and its file is whole, read anew.

    None while an instance without a row may have been acknowledged a moment ago: look again soon (`postpone`).
    """
    rows = _rows({one.SOPInstanceUID for one in claimed.asked.references})
    if now < claimed.asked_at + ROWS_FOLLOW and any(
        one.SOPInstanceUID not in rows and one.SOPClassUID in STORAGE_CLASSES for one in claimed.asked.references
    ):
        return None
    judged = [(one, _objection(one, rows.get(one.SOPInstanceUID), spool)) for one in claimed.asked.references]
    return Report(
        claimed.asked.TransactionUID,
        committed=tuple(one for one, objection in judged if objection is None),
        failed=tuple((one, objection) for one, objection in judged if objection is not None),
    )


def postpone(request_id: int, now: datetime) -> None:
    """Its instances' rows may still follow: due again in a moment, and no try is counted."""
    CommitmentRequest.objects.filter(pk=request_id).update(next_at=now + LOOK_AGAIN)


def told(request_id: int, report: Report, now: datetime) -> None:
    """The peer has heard this."""
    with transaction.atomic():
        CommitmentRequest.objects.filter(pk=request_id).update(
            answer=_document(report), answered_at=now, next_at=None, problem=""
        )
        _promise(report, now)


def not_told(claimed: Claimed, report: Report, problem: str, now: datetime) -> datetime | None:
    """The peer could not be told, and why: tried again later, for a day; then it stays on the list as it is.

    Returns when it is tried again, None for never.
    """
    with transaction.atomic():
        request = CommitmentRequest.objects.select_for_update().get(pk=claimed.id)
        request.attempts = min(request.attempts + 1, 32767)
        request.answer, request.problem = _document(report), problem[:256]
        due = now + pause_after(request.attempts)
        again: datetime | None = due if due < request.asked_at + GIVEN_UP_AFTER else None
        request.next_at = again
        request.save(update_fields=["attempts", "answer", "problem", "next_at"])
        _promise(report, now)
    return again


def _promise(report: Report, now: datetime) -> None:
    """What the peer has heard, or may have, is not removed any more (`actions.retention`)."""
    uids = [one.SOPInstanceUID for one in report.committed]
    fresh = StoredInstance.objects.select_for_update().filter(SOPInstanceUID__in=uids, promised_at=None)
    pks = list(fresh.order_by("pk").values_list("pk", flat=True))
    StoredInstance.objects.filter(pk__in=pks).update(promised_at=now)


def _rows(uids: set[str]) -> dict[str, tuple[str, str, str]]:
    """SOP Class, path and digest of the rows of these instances; one whose image was removed is as good as unknown."""
    rows = StoredInstance.objects.filter(SOPInstanceUID__in=uids, removed_at=None)
    named = rows.values_list("SOPInstanceUID", "SOPClassUID", "path", "sha256")
    return {uid: (sop_class, path, sha256) for uid, sop_class, path, sha256 in named}


def _objection(asked: Reference, row: tuple[str, str, str] | None, spool: Spool) -> FailureReason | None:
    """Why this instance is not committed; None where it is."""
    if row is None:
        known = asked.SOPClassUID in STORAGE_CLASSES
        return FailureReason.NO_SUCH_INSTANCE if known else FailureReason.CLASS_NOT_SUPPORTED
    sop_class, path, sha256 = row
    if sop_class != asked.SOPClassUID:
        return FailureReason.CLASS_INSTANCE_CONFLICT
    try:
        is_whole = _digest(spool.path_of(path)) == sha256
    except (OSError, Broken):
        is_whole = False
    return None if is_whole else FailureReason.PROCESSING_FAILURE


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _document(report: Report) -> dict[str, list[list[str | int]]]:
    return {
        "committed": [[one.SOPClassUID, one.SOPInstanceUID] for one in report.committed],
        "failed": [[one.SOPClassUID, one.SOPInstanceUID, int(reason)] for one, reason in report.failed],
    }
