"""The page stands alone, says what it is not, and shows where things went wrong."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from pipelines.evaluation.charts import LEFT, SIDE, TOP, Mark, roc_chart
from pipelines.evaluation.page import _body, _stray, _words, write_page
from pipelines.evaluation.page_parts import label_heights
from pipelines.evaluation.report import evaluation
from pipelines.evaluation.rows import StrayRow, study_row
from pipelines.evaluation.run import Plan, run
from pipelines.evaluation.statistics import LEAST_FOR_A_VERDICT, Estimate
from pipelines.evaluation.tables import MEASURES, counted, sections
from pipelines.evaluation.targets import Target
from pipelines.evaluation.worst import worst_first, wrongs
from tests.support.evaluations import LUMBAR, Told, answer, finding, refusal, write_case
from tests.support.whole_pages import outline_of
from vfx_finder.domain.spine import Level

NORMAL = dict.fromkeys(LUMBAR, 0)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory):
    """Four images: all right, a missed fracture, a false flag and false body, and one that was refused."""
    folder = tmp_path_factory.mktemp("set")
    write_case(folder, "right", {**NORMAL, Level.L1: 3}, contents="fractures", anchors=["sacrum"])
    write_case(folder, "missed", {**NORMAL, Level.L1: 2}, contents="fractures", anchors=[])
    write_case(folder, "false-<b>", NORMAL, contents="mimics", anchors=[])
    write_case(folder, "refused", NORMAL, contents="normal", anchors=[])
    right = [finding(level, at, 0.9 if level is Level.L1 else 0.01) for at, level in enumerate(LUMBAR)]
    right[1] = finding(Level.L1, 1, 0.9, ratio=0.55)
    missed = [finding(level, at) for at, level in enumerate(LUMBAR)]
    answers = {
        "right": answer(*right),
        "missed": answer(*missed),
        "false-<b>": answer(*right, finding(Level.L4, 3)),
        "refused": refusal(),
    }
    return run([folder], Plan(lambda: Told(answers), folder / "kept"))


@pytest.fixture(scope="module")
def html(results, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(evaluation(results), results, tmp_path_factory.mktemp("page")).read_text(encoding="utf-8")


def test_the_page_is_whole_and_every_link_stays_on_it(html: str) -> None:
    assert all(target.startswith(("#", "data:")) for target in outline_of(html).targets)
    assert not re.search(r"<script|src=|url\(|@import", html)


def test_it_says_what_it_is_not(html: str) -> None:
    assert "Research software" in html
    assert "Synthetic: no clinical evidence" in html


def test_the_worst_come_first_with_their_picture_and_names_are_escaped(html: str, results) -> None:
    studies = [study_row(record) for record in results.images]
    order = [studies[at].record.name for at in worst_first(studies)]
    assert order == ["false-<b>", "refused", "missed"]
    assert "false-&lt;b&gt;" in html
    assert "false-<b>" not in html
    assert html.count("data:image/png;base64,") == 2
    assert 'class="outline outline-missed"' in html
    assert 'class="outline outline-false"' in html
    assert "L1 g0 (true 2)" in html


def test_where_nothing_went_wrong_no_image_is_among_the_worst(results, html: str) -> None:
    """The right one stands among all images with its seconds, and with no picture to look for a fault in."""
    right = [study_row(record) for record in results.images if record.name == "right"]
    assert worst_first(right) == []
    assert ">right</th>" in html
    assert 'name">right</a>' not in html
    assert "Nothing went wrong" not in html


def test_a_grade_that_is_right_is_told_once(results) -> None:
    right = next(study_row(record) for record in results.images if record.name == "right")
    fractured = right.bodies[1]
    assert fractured.said
    assert _words(fractured) == "L1 g2 (true 3)"
    assert _words(replace(fractured, said=replace(fractured.said, grade=3))) == "L1 g3"


@pytest.mark.parametrize(("computed", "told"), [(0.9999, "0.99"), (0.0004, "0.01"), (0.5, "0.50"), (None, "-")])
def test_no_vertebra_is_surer_than_anything_measured_supports(computed: float | None, told: str, results) -> None:
    right = next(study_row(record) for record in results.images if record.name == "right")
    fractured = right.bodies[1]
    assert fractured.said
    said = replace(fractured.said, probability=computed)
    assert _body(replace(fractured, said=said))[6] == told
    assert _stray(StrayRow("", right.about, said, in_span=True))[6] == told


def test_the_reader_is_told_when_a_mimic_may_take_a_measured_fracture_off_the_list(html: str) -> None:
    how = html[html.index('id="how"') : html.index("</section>", html.index('id="how"'))]
    assert "At &quot;screening&quot; a vertebra that measures grade 2 or more is flagged whatever" in how
    assert "At &quot;balanced&quot; and &quot;specific&quot; the probability decides" in how
    assert "one of grade 3 never does" in how


def test_one_is_one(html: str) -> None:
    assert (counted(1, "patient"), counted(2, "patient"), counted(1, "body", "bodies")) == (
        "1 patient", "2 patients", "1 body",
    )  # fmt: skip
    assert not re.search(r"\b1 (patients|images|bodies|vertebrae)\b", html)


def test_operating_points_that_lie_on_one_another_have_names_apart() -> None:
    """And below the diagonal, where no curve passes through them; the higher point has the higher name."""
    marks = [Mark(name, (0.01, 1.0 - 0.01 * at), "") for at, name in enumerate(("screening", "balanced", "specific"))]
    chart = roc_chart("ROC", "", ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0)), marks)
    assert chart
    names = {word.text: word for word in chart.labels if word.text in {mark.name for mark in marks}}
    heights = [names[mark.name].y for mark in marks]
    assert [low - high >= 12 for high, low in pairwise(heights)] == [True, True]
    assert all((word.x - LEFT) / SIDE > 1 - (word.y - 11 - TOP) / SIDE for word in names.values())
    leaders = [line for line in chart.lines if line.kind == "leader"]
    assert [(line.x1, line.y1) for line in leaders] == [(dot.x, dot.y) for dot in chart.dots]


def test_words_beside_a_picture_never_stand_over_one_another() -> None:
    at = [((0.0, y), (2.0, y)) for y in (50.0, 10.0, 52.0, 51.0)]
    heights = label_heights(at, 10.0)
    assert heights[1] == pytest.approx(13.3)
    assert heights[0] < heights[3] < heights[2]
    ordered = sorted(heights)
    assert all(low - high >= 10.9 for high, low in pairwise(ordered))


def test_what_went_wrong_is_named_and_counted(results) -> None:
    told = {record.name: {wrong.words: wrong.count for wrong in wrongs(study_row(record))} for record in results.images}
    assert told["right"] == {}
    assert told["missed"]["fracture not flagged"] == 1
    assert (told["false-<b>"]["false flag"], told["false-<b>"]["false body"]) == (1, 1)
    assert list(told["refused"]) == ["not analysed"]


def test_no_figure_stands_without_its_n(results) -> None:
    tables = [table for section in sections(evaluation(results)) for table in section.tables]
    measures = [row for table in tables if table.header == MEASURES for row in table.rows]
    assert len(measures) > 40
    assert all(row[3].isdigit() for row in measures)
    estimates = [
        cell
        for table in tables
        if table.header != MEASURES
        for row in table.rows
        for cell in row
        if re.match(r"-?\d\.\d{3} ", cell)
    ]
    assert len(estimates) > 10
    assert all(re.search(r" n \d+$", cell) for cell in estimates)


def estimate(value: float | None, subjects: int) -> Estimate:
    """With an interval of 0.02 to each side."""
    ends = (None, None) if value is None else (value - 0.02, value + 0.02)
    return Estimate(value, *ends, 40, subjects)


@pytest.mark.parametrize(
    ("value", "subjects", "words"),
    [
        (0.98, LEAST_FOR_A_VERDICT, "met"),
        (0.96, LEAST_FOR_A_VERDICT, "met, interval beyond"),
        (0.94, LEAST_FOR_A_VERDICT, "FALLS SHORT, interval beyond"),
        (0.91, LEAST_FOR_A_VERDICT, "FALLS SHORT"),
        (1.0, LEAST_FOR_A_VERDICT - 1, "too few to say"),
        (0.0, 1, "too few to say"),
        (None, 0, "-"),
    ],
)
def test_a_target_is_met_or_falls_short_only_on_enough_patients(value: float | None, subjects: int, words: str) -> None:
    assert Target("sensitivity", estimate(value, subjects), 0.95).verdict == words


def test_without_an_interval_a_target_is_met_by_its_value_alone() -> None:
    target = Target("mimics called", Estimate(0.0, None, None, 40, 12), 0.05, at_least=False)
    assert target.verdict == "met, interval beyond"


def test_four_patients_are_too_few_for_any_verdict(results) -> None:
    """The table still gives value, interval, n and patients; the reader is told from how many on it would judge."""
    (first, *_), *_ = (section.tables for section in sections(evaluation(results)))
    rows = {row[0]: row for row in first.rows}
    assert rows["identification rate, an anchor in view"][2:] == ("1", "at least 0.97", "too few to say")
    assert rows["patients, balanced: mimics alone called"][2:] == ("1", "at most 0.05", "too few to say")
    assert " [" in rows["patients, balanced: sensitivity for grade 2 and above"][1]
    assert f"fewer than {LEAST_FOR_A_VERDICT} patients" in first.words
