"""An archive that sends our own results back, as rules by study do, starts nothing anew."""

from dataclasses import replace

import pytest

from tests.support import intake as given
from tests.support import results
from vfx_finder.actions import analysis, intake
from vfx_finder.dicom.headers import header_of
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.flow import CaseState
from vfx_finder.ledger.models import Case, StoredInstance

pytestmark = pytest.mark.django_db


def back(number: int):
    """One of our results of the study, received from the archive."""
    return replace(given.instance(number), made_here=True)


def finished() -> Case:
    """A study that was received and analysed."""
    intake.receive(given.instance(1), given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(120))
    case = Case.objects.get()
    analysis.record(case.pk, case.generation, results.analysed(), given.later(180))
    return Case.objects.get()


def test_a_finished_study_stays_finished() -> None:
    """Kept like every instance that was acknowledged, but no reason to analyse again."""
    before = finished()
    intake.receive(back(2), given.LISTENER, given.later(240), given.SETTLE)
    after = Case.objects.get()
    assert StoredInstance.objects.count() == 2
    assert (after.state, after.generation) == (CaseState.AWAITING_REVIEW, before.generation)


def test_another_image_still_opens_it() -> None:
    """What a scanner made is new, whatever came with it."""
    before = finished()
    both = (back(2), given.instance(3))
    intake.receive_many(both, given.LISTENER, given.later(240), given.SETTLE)
    after = Case.objects.get()
    assert (after.state, after.generation) == (CaseState.RECEIVING, before.generation + 1)


def test_every_object_we_make_is_known_as_ours(tmp_path) -> None:
    """By the header that all of them carry, and the scanner's images do not."""
    files = results.study(tmp_path)
    made = results.made(files, set(Kind), results.signed())
    assert {one.kind for one in made} == set(Kind)
    assert all(header_of(one.dataset).made_here for one in made)
