"""A film has one loss: page, JSON, terminal and what is sent to the PACS say the same number of one vertebra."""

from dataclasses import replace
from pathlib import Path

from reportlab.platypus import Paragraph, Table
from rich.console import Console

from pipelines.analysis_json import to_document
from pipelines.steps.key_image import _table as drawn_table
from pipelines.steps.report_pdf import _first_page
from tests.support import results, spines
from vfx_finder.cli._findings_table import rendered
from vfx_finder.dicom.result import Result
from vfx_finder.dicom.source import read_source
from vfx_finder.domain.finding import FILM_SUSPECTED, Analysis, Loss
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason, Unsuitable
from vfx_finder.domain.told import told, what_lost_means
from vfx_finder.reading.draft import proposed
from vfx_finder.reading.page import shown_rows

LOSS = Loss(own=0.21, expected=0.22)
"""Together 25 %: the mean of 0.21 and of 0.298, which is 0.22 on the scale of own losses."""


def film() -> Analysis:
    """A film on which T12 calls for a look, and nothing can be told of L1."""
    made = spines.film({Level.T12: (FILM_SUSPECTED,)})
    doubt = Unsuitable(Reason.PLANES_DISAGREE, "The end-plates of L1 cannot be told well enough on this film.")
    changed = {Level.T12: {"loss": LOSS}, Level.L1: {"loss": LOSS, "unsuitable": doubt}}
    findings = (replace(one, **changed.get(one.vertebra.level.level, {})) for one in made.findings)
    return replace(made, findings=tuple(findings))


def test_every_result_gives_the_loss_that_calls_for_a_look() -> None:
    analysis = film()
    at = [one.vertebra.level.level for one in analysis.findings].index(Level.T12)
    one = told(analysis, None)[at]
    document = to_document(analysis)["vertebrae"][at]
    assert f"{document['severity']:.4f}" == f"{one.lost:.4f}" == "0.2540"
    assert document["loss"] == {"own": 0.21, "expected": 0.22}
    row = shown_rows(proposed(analysis.findings), is_film=True)[at]
    assert (row.loss, row.loss_expected) == ("25 %", "")
    console = Console(width=200)
    with console.capture() as shown:
        console.print(rendered("film", analysis))
    assert "T12 (measured loss 25%)" in shown.get()
    assert "25.4%" in shown.get()


def test_where_nothing_is_said_no_loss_stands() -> None:
    """The own loss of a vertebra whose end-plates cannot be told would be read as a measurement."""
    analysis = film()
    at = [one.vertebra.level.level for one in analysis.findings].index(Level.L1)
    assert told(analysis, None)[at].lost is None
    assert to_document(analysis)["vertebrae"][at]["severity"] is None
    assert shown_rows(proposed(analysis.findings), is_film=True)[at].loss == "–"


def test_picture_and_report_for_the_pacs_say_which_loss_they_give(tmp_path: Path) -> None:
    analysis = replace(film(), series=results.analysed().series)
    source = read_source(results.study(tmp_path), analysis.series[0].SeriesInstanceUID)
    result = Result(source, analysis, told(analysis, None), None, results.MAKING)
    drawn = [cell for row, _ in drawn_table(result) for cell in row]
    assert "25" in drawn
    assert "21" not in drawn
    tables = [part for part in _first_page(result, "") if isinstance(part, Table)]
    printed = [cell.getPlainText() for table in tables for row in table._cellvalues for cell in row]
    assert "25 %" in printed
    assert "21 %" not in printed
    for words in (drawn, [part.getPlainText() for part in _first_page(result, "") if isinstance(part, Paragraph)]):
        assert "no grade is read from it on a film" in " ".join(words)


def test_of_a_ct_tables_give_the_own_loss_as_before() -> None:
    analysis = spines.analysis({Level.T12: 2})
    at = [one.vertebra.level.level for one in analysis.findings].index(Level.T12)
    loss = analysis.findings[at].loss
    assert loss is not None
    assert told(analysis, None)[at].lost == loss.own
    row = shown_rows(proposed(analysis.findings))[at]
    assert row.loss == f"{100 * loss.own:.0f} %"
    assert row.loss_expected
    assert what_lost_means(analysis).startswith("Loss: lowest against largest own height")
