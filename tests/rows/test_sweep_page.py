"""What an operator reads of a sweep: every study with what became of it, and the way to it where it is here."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from tests.support import intake as given
from tests.support.forms import Words, plain
from vfx_finder.actions import asking, intake, retrieval
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.retrieval import ArchiveFacts, Listed
from vfx_finder.ledger import retrieval as asked
from vfx_finder.ledger.models import Case, Sweep, SweptStudy

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 1)


@pytest.fixture
def sweep(operator: Actor) -> Sweep:
    archive = retrieval.keep_archive(ArchiveFacts("PACS", "PACS", "pacs.example.org", 104), operator, given.NOW)
    return retrieval.start_sweep(archive.pk, (DAY, DAY), operator, given.NOW)


def listed(*numbers: int) -> list[Listed]:
    return [Listed(f"{given.ROOT}.{number}", "20260301") for number in numbers]


def test_every_study_is_listed_with_what_became_of_it(sweep: Sweep, words: Words, ops: Client) -> None:
    intake.receive(given.instance(1, 1), given.LISTENER, given.NOW, given.SETTLE)
    asking.list_day(sweep.pk, DAY, listed(1, 2, 3), given.NOW)
    SweptStudy.objects.filter(StudyInstanceUID=f"{given.ROOT}.3").update(
        state="failed", reason="0 of 4 images arrived."
    )
    said = words("sweep", sweep.pk)
    assert f"{given.ROOT}.1 here already Receiving" in said
    assert f"{given.ROOT}.2 to be asked for –" in said
    assert f"{given.ROOT}.3 failed 0 of 4 images arrived. –" in said
    markup = ops.get(reverse("sweep", args=[sweep.pk])).content.decode()
    assert f'href="{reverse("operations-study", args=[Case.objects.get().pk])}"' in markup
    assert reverse("sweep", args=[sweep.pk]) in ops.get(reverse("archives")).content.decode()


def test_one_state_alone_and_leaf_by_leaf(sweep: Sweep, ops: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "LEAF", 2)
    asking.list_day(sweep.pk, DAY, listed(*range(1, 6)), given.NOW)
    SweptStudy.objects.filter(StudyInstanceUID=f"{given.ROOT}.5").update(state="failed")
    page = reverse("sweep", args=[sweep.pk])

    def shown(**query: object) -> list[bool]:
        markup = ops.get(page, query).content.decode()
        return [f"{given.ROOT}.{number}<" in markup for number in range(1, 6)]

    assert shown() == [True, True, False, False, False]
    assert shown(leaf=3) == shown(leaf=99) == shown(state="failed") == [False, False, False, False, True]
    assert shown(state="listed", leaf=2) == [False, False, True, True, False]
    assert shown(state="no such", leaf="²") == shown()
    assert "None of this kind" in plain(ops.get(page, {"state": "received"}).content.decode())


def test_a_sweep_without_studies_says_so_and_one_that_is_not_there_is_not_found(
    sweep: Sweep, words: Words, ops: Client
) -> None:
    assert "No study is listed yet" in words("sweep", sweep.pk)
    assert ops.get(reverse("sweep", args=[sweep.pk + 1])).status_code == 404
