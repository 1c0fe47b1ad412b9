"""Results on their way, beside the job loop: one thread for each destination that something is due for.

A destination that hangs holds its own thread and nobody else's, and every call has a limit. A delivery that fails
waits its turn while the next one is tried. The rows are the queue; nothing is lost when a worker dies, and of several
workers one alone speaks to a destination at a time.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
from django.db import close_old_connections, connections

from pipelines import outgoing
from pipelines.faults import words_of
from pipelines.outgoing import Station, station_of
from pipelines.steps.line import addresses_of
from pipelines.steps.send import Sendable
from vfx_finder.actions import dispatch, senders
from vfx_finder.config import Settings
from vfx_finder.domain.delivered import Kind, Stage
from vfx_finder.domain.delivery import DeliveryState, Pace, PeerAway, Protocol, kinds_sent
from vfx_finder.domain.errors import Broken, Retry, WrongState
from vfx_finder.domain.retention import SEND_AGAIN
from vfx_finder.domain.sender import NOT_LET_IN, AcceptList, Reporter, report_objection
from vfx_finder.ledger import deliveries
from vfx_finder.ledger.deliveries import Content
from vfx_finder.ledger.locks import alone
from vfx_finder.ledger.models import Delivery, Destination
from vfx_finder.spool import Spool

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
GRACE_S = 5.0
"""How long the end of the worker waits for a send that is under way; what is cut off is sent again."""


@dataclass(frozen=True)
class Order:
    """What objects are to be made of: the study's files, what is said of it, the kinds and the stage."""

    files: Sequence[Path]
    content: Content
    kinds: frozenset[Kind]
    stage: Stage


Make = Callable[[Order], Sequence[Sendable]]
"""Makes the objects of an order; for the same order always the same ones."""


@dataclass(frozen=True)
class Post:
    """What sending works with: where the files lie, who makes objects of them, how we speak, and how patiently.

    `accept` asks who may call our listener, and `tls_only` whether it hears TLS alone: an archive that reports storage
    commitment calls it.
    """

    spool: Spool
    make: Make
    station: Station
    pace: Pace = field(default_factory=Pace)
    accept: Callable[[], AcceptList] = lambda: AcceptList(anybody=True)
    tls_only: bool = False


def post_of(settings: Settings, spool: Spool) -> Post:
    """How this installation sends."""
    accept = partial(senders.accept_list_of, settings)
    return Post(
        spool, partial(_objects, settings), station_of(settings), settings.pace, accept, settings.hears_tls_only
    )


def _objects(settings: Settings, order: Order) -> Sequence[Sendable]:
    # Only a worker that makes objects needs what makes them.
    from pipelines.steps import write

    making = write.Making(
        at=order.content.analysed_at,
        uid_root=settings.uid_root,
        institution=settings.institution,
        device_serial_number=settings.ae_title,
        supersedes=order.content.supersedes,
        age=order.content.age,
    )
    content = order.content
    return write.objects(order.files, content.analysis, content.review, order.kinds, order.stage, making)


@contextmanager
def delivering(post: Post) -> Iterator[None]:
    """Deliver what is due while the block runs."""
    stop = threading.Event()
    dispatcher = threading.Thread(target=_look, args=(post, stop), name="deliveries")
    dispatcher.start()
    try:
        yield
    finally:
        stop.set()
        dispatcher.join()


def _look(post: Post, stop: threading.Event) -> None:
    busy: dict[tuple[str, int], threading.Thread] = {}
    while not stop.wait(LOOK_EVERY):
        try:
            close_old_connections()
            for destination_id in deliveries.destinations_due(_now()):
                _start(busy, ("deliver", destination_id), partial(serve, post, destination_id, stop))
            for destination in deliveries.tries_wanted():
                # By a line of its own: a try never queues behind what is being sent.
                _start(busy, ("try", destination.pk), partial(try_out, post, destination))
        except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
            log.error("deliveries-not-seen", kind=type(error).__name__)
    connections.close_all()
    until = time.monotonic() + GRACE_S
    for thread in busy.values():
        thread.join(max(0.0, until - time.monotonic()))


def _start(busy: dict[tuple[str, int], threading.Thread], name: tuple[str, int], do: Callable[[], object]) -> None:
    if name in busy and busy[name].is_alive():
        return
    # A daemon: a hung peer does not keep the worker from ending.
    busy[name] = threading.Thread(target=_alone_in_thread, args=(do,), name=f"{name[0]}-{name[1]}", daemon=True)
    busy[name].start()


def _alone_in_thread(do: Callable[[], object]) -> None:
    try:
        do()
    except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
        log.error("delivery-interrupted", kind=type(error).__name__)
    finally:
        connections.close_all()


def serve(post: Post, destination_id: int, stop: threading.Event) -> int:
    """Deliver whatever is due for this destination, one after the other; returns how many were tried.

    Nothing where another worker is doing so.
    """
    tried = 0
    with alone(f"destination-{destination_id}") as mine:
        while mine and not stop.is_set():
            row = dispatch.claim(destination_id, _now(), post.pace)
            if row is None:
                break
            _attempt(post, row)
            tried += 1
    return tried


def try_out(post: Post, destination: Destination) -> None:
    """Speak to a destination as an operator asked, and record its answer, with what stands in its own way to us."""
    try:
        words, ok = outgoing.try_out(post.station, destination) + _turned_away(post, destination), True
    except Exception as error:  # noqa: BLE001 - whatever it is: a try without an answer would be made for ever
        words, ok = words_of(error), False
    dispatch.tried(destination.pk, words, _now(), ok=ok)
    log.info("destination-tried", destination=destination.pk, ok=ok)


def _turned_away(post: Post, destination: Destination) -> str:
    """A sentence where what this archive reports of storage commitment would not be let in, otherwise ""."""
    if not destination.asks_commitment:
        return ""
    reporter = Reporter(destination.AETitle, tuple(addresses_of(destination.host)), destination.use_tls)
    objection = report_objection(post.accept(), reporter, tls_only=post.tls_only)
    return "" if objection is None else f" Its storage commitment would be turned away: {NOT_LET_IN[objection]}."


def _attempt(post: Post, row: Delivery) -> None:
    with structlog.contextvars.bound_contextvars(correlation_id=row.case.correlation_id):
        try:
            state = _tried(post, row)
        except WrongState:
            log.info("delivery-taken-over", delivery=row.pk)
            return
        log.info("delivery-tried", delivery=row.pk, destination=row.destination_id, attempts=row.attempts, state=state)


def _tried(post: Post, row: Delivery) -> DeliveryState:
    """One try, recorded whatever came of it. Raises `WrongState` where another worker has taken it up meanwhile."""
    try:
        return _ask_for_proof(post, row) if row.state == DeliveryState.SENT else _send(post, row)
    except PeerAway as error:
        return dispatch.away(row, str(error), post.pace, _now())
    except Broken as error:
        return dispatch.missed(row, str(error), post.pace, _now(), hopeless=True)
    except WrongState:
        raise
    except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
        if not isinstance(error, Retry):
            log.error("delivery-failed", delivery=row.pk, kind=type(error).__name__)
        return dispatch.missed(row, words_of(error), post.pace, _now())


def _send(post: Post, row: Delivery) -> DeliveryState:
    if not Protocol(row.destination.protocol).carries_objects:
        answers = outgoing.tell(post.station, row)
        return dispatch.answered(row, answers, post.pace, _now())
    there = deliveries.stored_already(row)
    objects = [one for one in _made(post, row) if one.SOPInstanceUID not in there]
    answers = outgoing.store(post.station, row.destination, objects) if objects else ()
    return dispatch.answered(row, answers, post.pace, _now())


def _made(post: Post, row: Delivery) -> Sequence[Sendable]:
    """The objects of this delivery. Raises `Broken` where they cannot be made: trying again would not help."""
    content = deliveries.content(row)
    wanted = frozenset(Kind(kind) for kind in row.destination.kinds)
    kinds = kinds_sent(wanted, Stage(row.stage), flagged=bool(content.analysis.flagged))
    if not content.paths:
        raise Broken(SEND_AGAIN)
    files = [post.spool.path_of(path) for path in content.paths]
    try:
        return post.make(Order(files, content, kinds, Stage(row.stage)))
    except Exception as error:
        # Only the kind: a message of a library may quote a header.
        log.error("objects-not-made", delivery=row.pk, kind=type(error).__name__)
        raise Broken(f"The objects could not be made ({type(error).__name__}); see the worker's log.") from error


def _ask_for_proof(post: Post, row: Delivery) -> DeliveryState:
    proof = outgoing.ask_commitment(post.station, row, deliveries.to_commit(row))
    if proof is None:
        return dispatch.asked(row, _now())
    return dispatch.proven(proof, post.pace, _now()) or DeliveryState.SENT


def _now() -> datetime:
    return datetime.now(UTC)
