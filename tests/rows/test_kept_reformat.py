"""The bytes that result objects are made of are kept with the analysis, and pages do not carry them about."""

from dataclasses import replace

import pytest

from tests.support import intake as given
from tests.support import results, spines
from vfx_finder.actions import analysis, intake
from vfx_finder.ledger import queries
from vfx_finder.ledger.documents import analysis_of
from vfx_finder.ledger.models import AnalysisRecord, Case

pytestmark = pytest.mark.django_db


def settled() -> Case:
    """One study that waits to be analysed."""
    intake.receive(given.instance(), given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(120))
    return Case.objects.get()


def test_the_reformat_is_kept_beside_the_document() -> None:
    """What was packed is read back byte for byte; the document of the row does not hold it."""
    case, found = settled(), results.analysed()
    analysis.record(case.pk, case.generation, found, given.later(180))
    record = AnalysisRecord.objects.get()
    assert "reformat" not in record.document
    assert analysis_of(record.document, record.picture_png, record.reformat) == found


def test_pages_leave_it_where_it_is() -> None:
    """A study's page is read without the megabytes that only a delivery needs."""
    case = settled()
    analysis.record(case.pk, case.generation, results.analysed(), given.later(180))
    file = queries.study(case.pk)
    assert file is not None and file.record is not None
    assert file.record.get_deferred_fields() == {"reformat"}
    assert file.analysis is not None and file.analysis.reformat is None


def test_an_analysis_without_one_is_recorded_too() -> None:
    """Films and older analyses have none."""
    case = settled()
    found = replace(spines.analysis(results.GRADES), reformat=None)
    analysis.record(case.pk, case.generation, found, given.later(180))
    assert AnalysisRecord.objects.get().reformat is None
