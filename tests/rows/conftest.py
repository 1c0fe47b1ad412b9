"""Studies and people in the rows, each test on its own."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse

from tests.support import intake as given
from tests.support import spines
from tests.support.forms import Words, plain
from tests.support.reviews import confirmed
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.review import Review, VertebraDecision
from vfx_finder.domain.roles import Role
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Patient

if TYPE_CHECKING:
    from vfx_finder.ledger.models import Referral

pytestmark = pytest.mark.django_db


def _person(role: Role) -> Actor:
    from vfx_finder.accounts.models import User

    return User.objects.create_user(f"{role}.one", password=None, role=role).actor


@pytest.fixture
def radiologist(db: None) -> Actor:
    return _person(Role.RADIOLOGIST)


@pytest.fixture
def nurse(db: None) -> Actor:
    return _person(Role.NURSE)


@pytest.fixture
def operator(db: None) -> Actor:
    return _person(Role.OPERATOR)


@pytest.fixture
def analysed(db: None) -> Callable[..., int]:
    """Receive, settle and analyse a study with these grades; returns its case."""
    from vfx_finder.actions import analysis, intake
    from vfx_finder.ledger.models import Case

    def bring(grades: Mapping[Level, int], study: int = 1, who: Patient | None = None) -> int:
        intake.receive(given.instance(1, study, who), given.LISTENER, given.NOW, given.SETTLE)
        intake.settle_due(given.later(60))
        case = Case.objects.get(StudyInstanceUID=f"{given.ROOT}.{study}")
        analysis.record(case.pk, case.generation, spines.analysis(grades), given.later(90))
        return case.pk

    return bring


@pytest.fixture
def sign(radiologist: Actor) -> Callable[..., object]:
    """Sign a case with these decisions."""
    from vfx_finder.actions import review

    def signing(case_id: int, *vertebrae: VertebraDecision) -> object:
        signed = Review(vertebrae, radiologist.name, given.later(120))
        return review.sign(case_id, signed, radiologist, given.later(120))

    return signing


@pytest.fixture
def referred(analysed: Callable[..., int], sign: Callable[..., object]) -> Callable[..., "Referral"]:
    """A patient with an open referral."""
    from tests.support.hospital import patient
    from vfx_finder.ledger.models import Referral

    def refer(who: Patient | None = None, study: int = 1, grades: Mapping[Level, int] | None = None) -> Referral:
        found = grades or {Level.L1: 2}
        sign(analysed(found, study, who or patient()), *(confirmed(level, grade) for level, grade in found.items()))
        return Referral.objects.order_by("pk").last()

    return refer


@pytest.fixture
def state_of(db: None) -> Callable[[int], CaseState]:
    from vfx_finder.ledger.models import Case

    return lambda case_id: CaseState(Case.objects.get(pk=case_id).state)


@pytest.fixture
def ops(db: None) -> Client:
    """An operator who is signed in to the pages."""
    from tests.support import busy_day

    client = Client()
    client.force_login(
        busy_day.people(password=None)[Role.OPERATOR], backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


@pytest.fixture
def words(ops: Client) -> Words:
    """Reads a page of the operator: its words, without markup."""
    return lambda name, *args: plain(ops.get(reverse(name, args=args)).content.decode())
