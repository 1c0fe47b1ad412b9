"""The same patients acquired twice: what thick slices or a sharp kernel cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.evaluation.calls import core
from pipelines.evaluation.rows import POSITIVE_GRADE, BodyRow, StudyRow, bodies_of, patients_of
from pipelines.evaluation.statistics import Bools, Estimate, Rows, auc, by_subject
from pipelines.evaluation.truth import Acquisition

THIN_MM, THICK_MM = 1.25, 4.5
"""Slices up to the first are thin, from the second on thick; tables say how thick they were."""


@dataclass(frozen=True)
class PairedScore:
    """AUC for grade 2 and above of single vertebrae, T4 to L4, on both acquisitions of the same patients, and how much
    is lost (reference less other; above 0 the other is worse). Each acquisition counts the vertebrae graded on it."""

    name: str
    patients: int
    reference: Estimate
    other: Estimate
    loss: Estimate


def is_reference(about: Acquisition) -> bool:
    """Thin slices and a soft kernel."""
    return _is_thin(about) and about.kernel == "soft"


def is_thick(about: Acquisition) -> bool:
    """Thick slices and a soft kernel."""
    return about.slice_mm is not None and about.slice_mm >= THICK_MM and about.kernel == "soft"


def is_sharp(about: Acquisition) -> bool:
    """Thin slices and a sharp kernel."""
    return _is_thin(about) and about.kernel == "sharp"


OTHERS: dict[str, Callable[[Acquisition], bool]] = {
    "{other} slices against {thin}, soft kernel": is_thick,
    "sharp kernel against soft, {thin} slices": is_sharp,
}
"""Each kind of acquisition that is held against the reference, by how the comparison is called."""


def paired(studies: Sequence[StudyRow]) -> tuple[PairedScore, ...]:
    """A comparison for each kind of acquisition that some patients have beside the reference."""
    scores = [_compared(name, studies, is_other) for name, is_other in OTHERS.items()]
    return tuple(score for score in scores if score.patients)


def _compared(name: str, studies: Sequence[StudyRow], is_other: Callable[[Acquisition], bool]) -> PairedScore:
    reference = [study for study in studies if is_reference(study.about)]
    other = [study for study in studies if is_other(study.about)]
    both = set(patients_of(reference)) & set(patients_of(other))
    first, second = _graded(reference, both), _graded(other, both)
    rows = [*first, *second]
    truth = np.array([(row.true.grade or 0) >= POSITIVE_GRADE for row in rows], bool)
    score = np.array([row.said.probability if row.said else None for row in rows], float)
    is_first = np.arange(len(rows)) < len(first)

    def of(part: Rows) -> float | None:
        return auc(score[part], truth[part])

    def lost(at: Rows) -> float | None:
        before, after = of(at[is_first[at]]), of(at[~is_first[at]])
        return None if before is None or after is None else before - after

    whose = patients_of(rows)
    here, there = np.flatnonzero(is_first), np.flatnonzero(~is_first)
    return PairedScore(
        name=name.format(thin=_slices(reference, both), other=_slices(other, both)),
        patients=len(both),
        reference=by_subject(lambda at: of(here[at]), [whose[int(at)] for at in here]),
        other=by_subject(lambda at: of(there[at]), [whose[int(at)] for at in there]),
        loss=replace(by_subject(lost, whose), subjects=_rarer(truth, whose)),
    )


def _rarer(truth: Bools, whose: Sequence[str]) -> int:
    """How many patients an area under the curve rests on: those of the rarer kind."""
    return min(len({whose[int(at)] for at in np.flatnonzero(kind)}) for kind in (truth, ~truth))


def _slices(studies: Sequence[StudyRow], patients: set[str]) -> str:
    """How thick the slices of these patients were: "1.25 mm", or "0.8 to 1.25 mm"."""
    thick = sorted({study.about.slice_mm or 0.0 for study in studies if study.about.patient in patients})
    if not thick:
        return ""
    return f"{thick[0]:g} mm" if len(thick) == 1 else f"{thick[0]:g} to {thick[-1]:g} mm"


def _graded(studies: Sequence[StudyRow], patients: set[str]) -> list[BodyRow]:
    rows = core(bodies_of(study for study in studies if study.about.patient in patients))
    return [row for row in rows if row.true.grade is not None and row.why_not_graded is None]


def _is_thin(about: Acquisition) -> bool:
    return about.slice_mm is not None and about.slice_mm <= THIN_MM
