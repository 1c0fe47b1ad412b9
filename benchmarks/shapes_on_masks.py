"""What the trees that judge shapes say of masks with published grades, beside the grade that heights alone give.

    python -m benchmarks.shapes_on_masks FOLDER [FOLDER...]

FOLDER holds masks and grades as `vfx-finder evaluate --masks-only` takes them. The trees learned from synthetic scans:
no mask and no published grade was shown to them. A vertebra is called by its measured grade from 2 on, or by an
operating point.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from models.catalogue import OF_SHAPES, SHELF
from models.trees import Trees
from pipelines.evaluation.cases import Case, find_cases
from pipelines.evaluation.grading import vertebra_of
from pipelines.steps.broken_shape import broken_by_shape
from pipelines.steps.judge import Circumstances, judge
from pipelines.steps.mask_sections import measure_label_mask
from vfx_finder.domain.operating_point import OPERATING_POINTS

SLICE_MM = 1.0
BROKEN_FROM = 2


@dataclass(frozen=True)
class Said:
    """One vertebra with a published grade: what heights alone give, and what the shape says."""

    name: str
    truth: int
    grade: int
    probability: float


def main(folders: Sequence[Path]) -> None:
    """Measure, ask, print."""
    cases, _ = find_cases(folders)
    shape = Trees.load(SHELF / "ct_spine" / "models" / OF_SHAPES)
    said = [one for case in cases if case.mask and case.grades for one in of_case(case, shape)]
    Console().print(_table(said))


def of_case(case: Case, shape: Trees) -> list[Said]:
    """Every vertebra of a mask that has a published grade and is graded here."""
    if case.mask is None:
        raise ValueError("This case has no mask.")
    measures = measure_label_mask(case.mask)
    vertebrae = [vertebra_of(level, measure) for level, measure in measures.items()]
    about = Circumstances(SLICE_MM)
    broken = broken_by_shape(vertebrae, [measure.body for measure in measures.values()], about, shape.probability)
    spreads = [measure.body.ratio_spread if measure.body else 0.0 for measure in measures.values()]
    findings, _ = judge(vertebrae, spreads, broken=broken)
    return [
        Said(f"{case.subject} {level}", case.grades[level], found.grade, found.probability_grade2plus)
        for level, found in zip(measures, findings, strict=True)
        if level in case.grades and found.grade is not None and found.probability_grade2plus is not None
    ]


def _table(said: Sequence[Said]) -> Table:
    broken = [one for one in said if one.truth >= BROKEN_FROM]
    sound = [one for one in said if one.truth < BROKEN_FROM]
    table = Table("called by", f"grade 2 and 3 found, of {len(broken)}", f"others called, of {len(sound)}", "which")

    def row(name: str, called: Callable[[Said], bool]) -> None:
        wrong = ", ".join(f"{one.name} ({one.truth}, {one.probability:.0%})" for one in sound if called(one))
        table.add_row(name, str(sum(map(called, broken))), str(sum(map(called, sound))), wrong)

    row("the measured grade", lambda one: one.grade >= BROKEN_FROM)
    for name, point in OPERATING_POINTS.items():
        row(name, lambda one, point=point: point.flags(one.grade, one.probability))  # type: ignore[misc]
    return table


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
