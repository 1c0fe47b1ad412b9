"""Many instances at once: the same rows as one by one, in few statements, and processes that never wait in a circle."""

import random
import threading
from dataclasses import replace

import pytest
from django.db import Error, connections

from tests.support import intake as given
from tests.support.reviews import confirmed
from vfx_finder.actions import intake
from vfx_finder.actions.intake import Receipt
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.models import AuditEvent, Case, StoredInstance

pytestmark = pytest.mark.django_db

STATEMENTS = 5
"""To receive more of a known study: begin, lock it, its instances, its clock, commit."""


def receive(*instances, seconds: float = 0) -> tuple[Receipt, ...]:
    return intake.receive_many(instances, given.LISTENER, given.later(seconds), given.SETTLE)


def test_instances_of_several_studies_open_their_cases_in_one_go() -> None:
    slices = [given.instance(number, study) for study in (3, 1, 2) for number in (2, 1)]
    assert receive(*slices) == (Receipt.NEW,) * 6
    assert [case.instances.count() for case in Case.objects.all()] == [2, 2, 2]
    assert list(AuditEvent.objects.values_list("verb", flat=True)) == ["received"] * 3


def test_what_was_there_and_what_comes_twice_at_once_is_a_duplicate() -> None:
    receive(given.instance(1))
    sent = (given.instance(1), given.instance(2), given.instance(2), given.instance(3))
    assert receive(*sent) == (Receipt.DUPLICATE, Receipt.NEW, Receipt.DUPLICATE, Receipt.NEW)
    assert StoredInstance.objects.count() == 3


def test_of_two_with_one_uid_the_first_stays_and_the_other_is_noted() -> None:
    first, other = given.instance(1), given.instance(1, sha256="f" * 64)
    assert receive(first, other) == (Receipt.NEW, Receipt.DUPLICATE)
    assert StoredInstance.objects.get().sha256 == first.sha256
    assert AuditEvent.objects.last().verb == "duplicate-with-other-bytes"


def test_a_signed_study_among_others_stays_signed(analysed, sign) -> None:
    pk = analysed({Level.L1: 2})
    sign(pk, confirmed(Level.L1, 2))
    late = [given.instance(2), given.instance(3), given.instance(1, 9)]
    assert receive(*late, seconds=300) == (Receipt.AFTER_REVIEW, Receipt.AFTER_REVIEW, Receipt.NEW)
    case = Case.objects.get(pk=pk)
    assert (case.state, case.instances_after_review) == (CaseState.REVIEWED, 2)


def test_one_malformed_instance_keeps_all_out() -> None:
    with pytest.raises(Unreadable):
        receive(given.instance(1), replace(given.instance(2), SOPInstanceUID="1.02"))
    assert not Case.objects.exists()


def test_nothing_is_nothing() -> None:
    assert receive() == ()


def test_a_second_patient_among_many_is_noticed() -> None:
    receive(given.instance(1), given.instance(2, who=given.patient("P2")), given.instance(3))
    assert Case.objects.get().patient_conflict


def test_the_parts_of_the_body_and_the_station_are_gathered() -> None:
    blank = given.instance(1)
    head = replace(given.instance(2), BodyPartExamined="HEAD", StationName="CT1\x00")
    chest = replace(given.instance(3), BodyPartExamined="CHEST", StationName="CT2")
    receive(blank)
    receive(head, chest, seconds=1)
    case = Case.objects.get()
    assert (case.BodyPartExamined, case.StationName) == ("HEAD\\CHEST", "CT1")


def test_more_of_a_known_study_takes_few_statements(django_assert_max_num_queries) -> None:
    receive(given.instance(0))
    with django_assert_max_num_queries(STATEMENTS):
        assert set(receive(*(given.instance(number) for number in range(1, 200)))) == {Receipt.NEW}


def test_processes_that_receive_the_same_studies_at_once_lose_nothing(committed_db) -> None:
    """Every instance is sent by three of four threads, each in its own order; a circle of waits would be an error."""
    every = [given.instance(number, study) for study in range(1, 7) for number in range(8)]
    wrong: list[BaseException] = []
    together = threading.Barrier(4)

    def send(seed: int) -> None:
        chance = random.Random(seed)
        mine = [one for number, one in enumerate(every) if number % 4 != seed]
        chance.shuffle(mine)
        try:
            together.wait(120)
            for start in range(0, len(mine), 9):
                receive(*mine[start : start + 9])
        except Error as error:  # told below, in the test's own thread
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert wrong == []
    assert StoredInstance.objects.count() == len(every)
    assert Case.objects.count() == 6
    assert AuditEvent.objects.filter(verb="received").count() == 6
