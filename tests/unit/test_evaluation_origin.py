"""A figure can be traced to what made it, and never reads better than it is."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pipelines.evaluation.origin import Origin
from pipelines.evaluation.page import page
from pipelines.evaluation.report import evaluation, to_json
from pipelines.evaluation.run import Plan, run
from pipelines.evaluation.statistics import Estimate
from pipelines.evaluation.tables import sections, written
from pipelines.evaluation.targets import Target
from tests.support.evaluations import LUMBAR, Told, answer, finding, write_case
from vfx_finder.domain.finding import ModelVersion

MADE = Origin("1.2", "c0de" * 16, (ModelVersion("ct_spine", "0.9", "abcd" * 16),), "2026-01-31")


def test_numbers_and_page_say_with_what_and_when_they_were_made(tmp_path: Path) -> None:
    write_case(tmp_path, "a", dict.fromkeys(LUMBAR, 0))
    said = answer(*(finding(level, at) for at, level in enumerate(LUMBAR)))
    results = run([tmp_path], Plan(lambda: Told({"a": said})))
    told = replace(evaluation(results), made=MADE)
    assert to_json(told, results)["made"] == asdict(MADE)
    words = "Made with vfx_finder 1.2 (code c0dec0dec0de), ct_spine 0.9 (sha256 abcdabcdabcd), 2026-01-31."
    assert words in page(told, results)


def test_masks_alone_were_judged_by_no_network() -> None:
    assert replace(MADE, models=()).words == "vfx_finder 1.2 (code c0dec0dec0de), no network, 2026-01-31"


@pytest.mark.parametrize(
    ("value", "bound", "at_least", "printed"),
    [
        (0.0203, 0.020, False, "0.0203"),
        (0.9697, 0.97, True, "0.9697"),
        (0.96996, 0.97, True, "0.96996"),
        (0.0197, 0.020, False, "0.020"),
        (0.02, 0.02, False, "0.020"),
        (0.981, 0.97, True, "0.981"),
    ],
)
def test_a_near_miss_never_reads_as_if_it_stood_on_the_aim(
    value: float, bound: float, at_least: bool, printed: str
) -> None:
    """0.020 beside "at most 0.02" and FALLS SHORT makes no sense to a reader."""
    target = Target("error", Estimate(value, None, None, 40, 12), bound, at_least)
    assert written(target.estimate, target.decimals) == f"{printed} n 40"


def test_the_table_of_targets_prints_a_near_miss_so(tmp_path: Path) -> None:
    for at in range(12):
        write_case(tmp_path, f"p{at}", dict.fromkeys(LUMBAR, 0), anchors=["C2"], patient=f"p{at}")
    said = answer(*(finding(level, at) for at, level in enumerate(LUMBAR)))
    scores = evaluation(run([tmp_path], Plan(lambda: lambda _: said)))
    assert scores.synthetic is not None
    near = Estimate(0.96996, None, None, 40, 12)
    anchored = {name: replace(one, identification_rate=near) for name, one in scores.synthetic.by_anchor.items()}
    (first, *_), *_ = (
        one.tables for one in sections(replace(scores, synthetic=replace(scores.synthetic, by_anchor=anchored)))
    )
    row = next(row for row in first.rows if row[0].startswith("identification rate"))
    assert (row[1], row[3]) == ("0.96996 n 40", "at least 0.97")
    assert row[4].startswith("FALLS SHORT")
