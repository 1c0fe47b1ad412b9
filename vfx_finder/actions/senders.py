"""Who may send to us: set up by an operator, read by the listener and the pages; who was turned away, counted."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet

from vfx_finder.actions._trail import Act, note
from vfx_finder.config import Settings
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivery import DeliveryState, Protocol
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.roles import Permission
from vfx_finder.domain.sender import AcceptList, Turned, checked_host, checked_title, is_loopback
from vfx_finder.domain.sender import Sender as Accepted
from vfx_finder.ledger.models import (
    Case,
    CommitmentRequest,
    Delivery,
    Destination,
    Refusal,
    Sender,
    StoredInstance,
)
from vfx_finder.ledger.models.sender import NOT_ALL_TAKEN

TOKEN_BYTES = 32
LAST_PORT = 65535
DOOR_LEARNS = timedelta(seconds=10)
"""Every listener process has read the list anew by then (`dicom_listener.refusals.EVERY_SECONDS`)."""
REFUSALS_KEPT = 500
"""Rows of `Refusal`, and as many of SOP Classes that were not taken: a flood of invented titles and addresses must not
fill the table; the oldest go."""


@dataclass(frozen=True)
class Wish:
    """What an operator wants a sender to be. `AETitle` names it; `settle_seconds` None = the installation's.

    `port`: where the sender itself listens, so that it can be told of storage commitment; None = not known.
    """

    AETitle: str
    host: str = ""
    description: str = ""
    enabled: bool = True
    settle_seconds: float | None = None
    port: int | None = None


def keep_sender(wish: Wish, actor: Actor, now: datetime, sender_id: int | None = None) -> Sender:
    """Add a sender, or change the one with this id. What was refused of it before is forgotten once it may come in.

    Where results go to an archive of this title, the storage commitment that is waited for is asked for once more:
    the archive may have been turned away when it reported.

    Raises `NotAllowed`, and `WrongState` in words for the page: a title or host that is none, a title taken already.
    """
    actor.must(Permission.SET_UP_NETWORK)
    title, host = checked_title(wish.AETitle), checked_host(wish.host)
    if wish.settle_seconds is not None and not wish.settle_seconds > 0:
        raise WrongState("The settle time is a number of seconds above 0.")
    if wish.port is not None and not 0 < wish.port <= LAST_PORT:
        raise WrongState("A port is a number from 1 to 65535.")
    with transaction.atomic():
        if Sender.objects.filter(AETitle=title).exclude(pk=sender_id).exists():
            raise WrongState("There is a sender with this AE title already.")
        sender = Sender.objects.select_for_update().get(pk=sender_id) if sender_id else Sender()
        before = (sender.AETitle, sender.host, sender.enabled)
        sender.AETitle, sender.host, sender.port, sender.enabled = title, host, wish.port, wish.enabled
        sender.description, sender.settle_seconds = wish.description.strip()[:256], wish.settle_seconds
        sender.save()
        if sender.enabled:
            Refusal.objects.filter(calling=title).delete()
        if sender.enabled and before != (title, host, True):
            _ask_archive_again(title, now)
        note(Act(actor, now), "sender-kept", {"sender": sender.pk, "title": title, "host": host, "on": sender.enabled})
    return sender


def _ask_archive_again(title: str, now: datetime) -> None:
    """Have the archive of this title tried, and asked again for every storage commitment that is waited for.

    How often was asked counts anew: what stood in the way has been mended.
    """
    archives = Destination.objects.filter(AETitle=title, protocol=Protocol.DICOM, commitment=True, enabled=True)
    archives.update(try_wanted_at=now)  # before its deliveries: the order in which `dispatch` locks them
    waiting = Delivery.objects.filter(destination__in=archives, state=DeliveryState.SENT)
    waiting.update(asked=0, next_at=now + DOOR_LEARNS)


def disable_sender(sender_id: int, actor: Actor, now: datetime) -> Sender:
    """From now on this sender is refused; its row stays, so that the list says so. Its token is taken away."""
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        sender = Sender.objects.select_for_update().get(pk=sender_id)
        sender.enabled, sender.token_sha256 = False, ""
        sender.save(update_fields=["enabled", "token_sha256"])
        note(Act(actor, now), "sender-switched-off", {"sender": sender.pk, "title": sender.AETitle})
    return sender


def remove_sender(sender_id: int, actor: Actor, now: datetime) -> Sender:
    """Take a switched-off sender off the list. Raises `WrongState` for one that may send, or that has sent something:
    the ledger names it, so it stays."""
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        sender = Sender.objects.select_for_update().get(pk=sender_id)
        if sender.enabled:
            raise WrongState("This sender may send; switch it off first.")
        if any(
            rows.objects.filter(calling=sender.AETitle).exists() for rows in (Case, CommitmentRequest, StoredInstance)
        ):
            raise WrongState("This sender has sent studies, which name it; it stays, switched off.")
        note(Act(actor, now), "sender-removed", {"sender": sender.pk, "title": sender.AETitle})
        sender.delete()
    return sender


def new_token(sender_id: int, actor: Actor, now: datetime) -> str:
    """A new DICOMweb token of this sender; the one before stops working. Only its digest is kept: show it once."""
    actor.must(Permission.SET_UP_NETWORK)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        sender = Sender.objects.select_for_update().get(pk=sender_id)
        if not sender.enabled:
            raise WrongState("This sender is switched off.")
        sender.token_sha256 = digest_of(token)
        sender.save(update_fields=["token_sha256"])
        note(Act(actor, now), "sender-token-made", {"sender": sender.pk, "title": sender.AETitle})
    return token


def digest_of(token: str) -> str:
    """What is kept of a token. It is random and long, so a plain sha256 cannot be turned round."""
    return hashlib.sha256(token.encode()).hexdigest()


def sender_with(token: str) -> Sender | None:
    """The enabled sender whose token this is."""
    return Sender.objects.filter(token_sha256=digest_of(token), enabled=True).first() if token else None


def accept_list(titles: Iterable[str] = (), *, anybody: bool = False) -> AcceptList:
    """The senders that are set up in the pages, and those whose titles an installation's settings name.

    A title that stands in both places is judged by its row: the page can switch it off.
    """
    rows = tuple(Accepted(*row) for row in Sender.objects.values_list("AETitle", "host", "enabled"))
    known = {row.AETitle for row in rows}
    named = tuple(Accepted(title) for title in titles if title not in known)
    return AcceptList(rows + named, anybody=anybody)


def accept_list_of(settings: Settings) -> AcceptList:
    """Who may send at this moment. An empty list is open on loopback or where the settings say so, else shut."""
    anybody = settings.accept_any_sender or is_loopback(settings.dicom_host)
    return accept_list(settings.accepted_calling_ae_titles, anybody=anybody)


def heard(titles: Iterable[str], now: datetime) -> None:
    """These senders have been let in. Not audited: it happens all day."""
    Sender.objects.filter(AETitle__in=list(titles)).update(last_heard_at=now)


def record_refusals(turned: Iterable[Turned]) -> None:
    """Add these to the counted refusals, in one statement; old ones go where there are too many."""
    rows = [
        (one.calling[:64], one.host[:64], one.reason[:64], one.detail[:256], one.count, one.first_at, one.last_at)
        for one in turned
    ]
    if not rows:
        return
    table = Refusal._meta.db_table
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} AS old (calling, host, reason, detail, count, first_at, last_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (calling, host, reason, detail) DO UPDATE SET"
            " count = LEAST(old.count::bigint + excluded.count, 2147483647),"
            " last_at = GREATEST(old.last_at, excluded.last_at)",
            sorted(rows),
        )
        for kind in (NOT_ALL_TAKEN, ~NOT_ALL_TAKEN):
            _keep_newest(Refusal.objects.filter(kind))


def _keep_newest(listed: QuerySet[Refusal]) -> None:
    newest = listed.order_by("-last_at").values_list("pk", flat=True)[:REFUSALS_KEPT]
    listed.exclude(pk__in=list(newest)).delete()


def forget_refusal(refusal_id: int, actor: Actor, now: datetime) -> None:
    """An operator has seen this refusal and wants it off the list."""
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        gone, _ = Refusal.objects.filter(pk=refusal_id).delete()
        if gone:
            note(Act(actor, now), "refusal-forgotten", {"refusal": refusal_id})
