"""What the worker records while it asks archives. Each step is one transaction, so that a killed worker leaves every
study either not asked for, or asked for and not answered; the latter is asked for again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from vfx_finder.actions._trail import Act, note, tell
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.age import parse_date
from vfx_finder.domain.retrieval import (
    AskedState,
    Fetched,
    Listed,
    SweepState,
    Wanted,
    can_be_asked_for,
    next_attempt,
    pause_at,
    worth_asking,
)
from vfx_finder.domain.routing import Rule, Traits, left_out_before_it_arrives
from vfx_finder.ledger import retrieval, routing
from vfx_finder.ledger.models import Archive, Case, PriorSearch, Sweep, SweptStudy

LONGEST_REASON = 256


@dataclass(frozen=True)
class Asked:
    """One study to be asked for now."""

    row_id: int
    StudyInstanceUID: str


def note_answer(archive_id: int, words: str, now: datetime, *, well: bool) -> None:
    """What came of the last try; running sweeps say so where it was no good."""
    with transaction.atomic():
        archive = Archive.objects.select_for_update().get(pk=archive_id)
        archive.last_tried_at, archive.last_answer, archive.echo_wanted_at = now, words[:LONGEST_REASON], None
        archive.last_ok_at = now if well else archive.last_ok_at
        archive.save(update_fields=["last_tried_at", "last_answer", "echo_wanted_at", "last_ok_at"])
        problem = "" if well else words[:LONGEST_REASON]
        running = Sweep.objects.filter(archive=archive, state=SweepState.RUNNING)
        running.exclude(problem=problem).update(problem=problem)


def list_day(sweep_id: int, day: date, found: Sequence[Listed], now: datetime) -> int:
    """Write down what the archive listed for a day; how many of these are to be asked for.

    A study that is here already, or that a rule is certain to leave out, is listed and not asked for.
    """
    rules, known = routing.rules(), retrieval.here(one.StudyInstanceUID for one in found)
    rows = [SweptStudy(sweep_id=sweep_id, moved_at=now, **_first_state(one, rules, known)) for one in found]
    with transaction.atomic():
        SweptStudy.objects.bulk_create(rows, ignore_conflicts=True)
        Sweep.objects.filter(pk=sweep_id).update(listed_until=day, moved_at=now)
    return sum(row.state == AskedState.LISTED for row in rows)


def claim(archive_id: int, now: datetime, *, with_sweeps: bool) -> Asked | None:
    """The study to ask this archive for now, noted as asked for; None where none is due or the pace forbids it.

    Studies that have come meanwhile are noted as being here, and passed over.
    """
    with transaction.atomic():
        archive = Archive.objects.select_for_update().get(pk=archive_id)
        pause = pause_at(archive.studies_per_hour)
        if not archive.enabled or (archive.last_asked_at and archive.last_asked_at + pause > now):
            return None
        while (row := retrieval.next_to_ask(archive, now, with_sweeps=with_sweeps)) is not None:
            if row.attempts or not retrieval.here([row.StudyInstanceUID]):
                return _claimed(row, archive, now)
            _settle(row, AskedState.HERE, "", now)
    return None


def record(asked: Asked, fetched: Fetched, now: datetime) -> AskedState:
    """What came of asking for a study. Received is what is here, not what the archive says it has sent."""
    with transaction.atomic():
        row = SweptStudy.objects.select_for_update().get(pk=asked.row_id)
        images = retrieval.images_here(asked.StudyInstanceUID)
        reason = fetched.words or _missing(images, fetched.completed)
        if not reason:
            _settle(row, AskedState.RECEIVED, "", now)
            return AskedState.RECEIVED
        return _try_again(row, reason, now)


def record_failure(asked: Asked, words: str, now: datetime) -> AskedState:
    """The archive did not hand it over: asked for again later, or listed as failed."""
    with transaction.atomic():
        return _try_again(SweptStudy.objects.select_for_update().get(pk=asked.row_id), words, now)


def give_back(asked: Asked, now: datetime) -> None:
    """The archive could not be asked at all: that was no attempt of this study."""
    with transaction.atomic():
        row = SweptStudy.objects.select_for_update().get(pk=asked.row_id)
        row.state, row.attempts, row.moved_at = AskedState.LISTED, max(0, row.attempts - 1), now
        row.save(update_fields=["state", "attempts", "moved_at"])


def finish_sweeps(archive_id: int, now: datetime) -> int:
    """End every sweep of which all is known; returns how many."""
    done = retrieval.finished(archive_id)
    act = Act(Actor.process("asker"), now)
    with transaction.atomic():
        ended = Sweep.objects.filter(pk__in=done, state=SweepState.RUNNING)
        count = ended.update(state=SweepState.DONE, moved_at=now, problem="")
        for sweep in done:
            note(act, "sweep-done", {"sweep": sweep})
    return count


def want_priors(now: datetime) -> int:
    """A search for the earlier studies of every flagged study, at each archive to be asked; returns how many."""
    act = Act(Actor.process("asker"), now)
    asked = Archive.objects.filter(enabled=True, fetch_priors=True)
    return sum(
        _want_priors_of(case, archive, act) for archive in asked for case in retrieval.without_search(archive.pk)
    )


@transaction.atomic
def _want_priors_of(case: Case, archive: Archive, act: Act) -> bool:
    _, opened = PriorSearch.objects.get_or_create(archive=archive, case=case, defaults=_search(case, act.now))
    if opened:
        tell(act, "priors-searched", case, {"archive": archive.pk})
    return bool(opened)


def wanted_of(search: PriorSearch) -> Wanted | None:
    """Whose earlier studies this search is for; None where nobody can be asked for safely."""
    case = search.case
    day = parse_date(case.StudyDate)
    if day is None or not can_be_asked_for(case.PatientID):
        return None
    return Wanted(case.PatientID, case.IssuerOfPatientID, case.Modality, day)


def record_search(search_id: int, wanted: Wanted, found: Sequence[Listed], now: datetime) -> int:
    """Write down the earlier studies worth asking for; how many of these are to be asked for."""
    rules, worth = routing.rules(), worth_asking(tuple(found), wanted)
    known = retrieval.here(one.StudyInstanceUID for one in worth)
    rows = [SweptStudy(search_id=search_id, moved_at=now, **_first_state(one, rules, known)) for one in worth]
    with transaction.atomic():
        SweptStudy.objects.bulk_create(rows, ignore_conflicts=True)
        PriorSearch.objects.filter(pk=search_id).update(state="done", moved_at=now, reason="")
    return sum(row.state == AskedState.LISTED for row in rows)


def fail_search(search_id: int, words: str, now: datetime) -> None:
    """The archive answered the search with no: asked again later, or listed as failed."""
    with transaction.atomic():
        search = PriorSearch.objects.select_for_update().get(pk=search_id)
        search.attempts += 1
        search.next_at = next_attempt(search.attempts, now)
        search.state = "waiting" if search.next_at else "failed"
        search.reason, search.moved_at = words[:LONGEST_REASON], now
        search.save()


def _first_state(one: Listed, rules: tuple[Rule, ...], known: frozenset[str]) -> dict[str, str]:
    facts = {"StudyInstanceUID": one.StudyInstanceUID, "StudyDate": one.StudyDate[:32]}
    if one.StudyInstanceUID in known:
        return facts | {"state": AskedState.HERE}
    study = Traits(Modality=one.ModalitiesInStudy, StudyDescription=one.StudyDescription, age=one.age)
    rule = left_out_before_it_arrives(rules, study)
    if rule is not None:
        return facts | {"state": AskedState.LEFT_OUT, "reason": f"Left out by the rule “{rule.name}”."}
    return facts


def _claimed(row: SweptStudy, archive: Archive, now: datetime) -> Asked | None:
    if row.state == AskedState.ASKED and next_attempt(row.attempts, now) is None:
        _settle(row, AskedState.FAILED, "It was asked for several times and no answer was ever recorded.", now)
        return None
    row.state, row.attempts, row.moved_at, row.next_at = AskedState.ASKED, row.attempts + 1, now, None
    row.save()
    archive.last_asked_at = now
    archive.save(update_fields=["last_asked_at"])
    return Asked(row.pk, row.StudyInstanceUID)


def _settle(row: SweptStudy, state: AskedState, reason: str, now: datetime) -> None:
    row.state, row.reason, row.moved_at, row.next_at = state, reason[:LONGEST_REASON], now, None
    row.save()


def _try_again(row: SweptStudy, reason: str, now: datetime) -> AskedState:
    again = next_attempt(row.attempts, now)
    _settle(row, AskedState.LISTED if again else AskedState.FAILED, reason, now)
    if again:
        row.next_at = again
        row.save(update_fields=["next_at"])
    return AskedState(row.state)


def _missing(images: int, completed: int) -> str:
    if images < completed:
        return f"The archive says that it sent {completed} images; {images} arrived. Where does it send to?"
    return "" if images else "The archive sent nothing."


def _search(case: Case, now: datetime) -> dict[str, object]:
    """A search that can find nobody fails at once, with the reason."""
    wanted = wanted_of(PriorSearch(case=case))
    if wanted is not None:
        return {"moved_at": now}
    return {"moved_at": now, "state": "failed", "reason": "Its PatientID or StudyDate is missing or has wildcards."}
