"""Synthetic sets: identified, called, abstained and refused are counted as a hospital would count them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.evaluation.location import WITH_ANCHOR, WITHOUT_ANCHOR
from pipelines.evaluation.matching import levels_off
from pipelines.evaluation.patients import false_flags, is_called
from pipelines.evaluation.report import Evaluation, ImageScores, evaluation
from pipelines.evaluation.rows import study_row
from pipelines.evaluation.run import Plan, Results, run
from tests.support.evaluations import LUMBAR, SPACING_MM, Told, answer, centre, finding, refusal, write_case
from vfx_finder.domain.finding import Analysis, Finding
from vfx_finder.domain.operating_point import OperatingPoint
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason

POINT = OperatingPoint("balanced", 0.5)
NORMAL = dict.fromkeys(LUMBAR, 0)


def scored(folder: Path, answers: dict[str, Analysis | Exception]) -> tuple[ImageScores, Evaluation]:
    told = evaluation(run([folder], Plan(lambda: Told(answers))), [POINT])
    assert told.synthetic is not None
    return told.synthetic, told


def chain(levels: Sequence[Level] = LUMBAR, probabilities: Sequence[float | None] | None = None) -> list[Finding]:
    said = probabilities or [0.01] * len(levels)
    return [finding(level, at, said[at]) for at, level in enumerate(levels)]


def test_a_perfect_answer_is_identified_and_a_chain_one_level_off_is_within_one(tmp_path: Path) -> None:
    write_case(tmp_path, "right", NORMAL, anchors=["sacrum"])
    write_case(tmp_path, "shifted", NORMAL, anchors=[])
    one_up = (Level.T11, *LUMBAR[:-1])
    scores, _ = scored(tmp_path, {"right": answer(*chain()), "shifted": answer(*chain(one_up))})
    right, shifted = scores.by_anchor[WITH_ANCHOR], scores.by_anchor[WITHOUT_ANCHOR]
    assert (right.identification_rate.value, right.localisation_mm.value) == (1.0, 0.0)
    assert (shifted.identification_rate.value, shifted.level_within_one.value) == (0.0, 1.0)
    assert (shifted.found.value, shifted.localisation_mm.value) == (1.0, SPACING_MM)
    assert scores.location.identification_rate.n == 10


def test_the_right_label_nearer_to_a_neighbour_or_over_20_mm_off_is_not_identified(tmp_path: Path) -> None:
    write_case(tmp_path, "far", {Level.L1: 0, Level.L4: 0})
    at = centre(0)
    said = finding(Level.L1, 0)
    moved = Finding(
        type(said.vertebra)(said.vertebra.level, (at[0], at[1] + 21.0, at[2]), None, (), None), None, None, None, None
    )
    scores, _ = scored(tmp_path, {"far": answer(moved)})
    assert scores.location.identification_rate.value == 0.0
    write_case(tmp_path, "near", {Level.L1: 0, Level.L2: 0})
    between = Finding(
        type(said.vertebra)(said.vertebra.level, (0.0, 0.0, -16.0), None, (), None), None, None, None, None
    )
    scores, _ = scored(tmp_path, {"far": refusal(), "near": answer(between)})
    assert scores.location.identification_rate.value == 0.0


def test_levels_most_people_lack_are_half_a_step() -> None:
    assert levels_off(Level.T12, Level.L1) == 1
    assert levels_off(Level.T13, Level.L1) == 0.5
    assert levels_off(Level.S1, Level.L5) == 1
    assert levels_off(Level.T11, Level.L1) == 2


def test_missed_ungraded_and_flagged_vertebrae_are_told_apart(tmp_path: Path) -> None:
    write_case(tmp_path, "p", {Level.T12: 2, Level.L1: 3, Level.L2: 2, Level.L3: 0, Level.L4: 1})
    said = chain(LUMBAR[:4], [0.9, None, 0.3, 0.7])
    scores, _ = scored(tmp_path, {"p": answer(*said)})
    assert scores.calls is not None
    assert dict(scores.calls.not_graded) == {"cut-by-field-of-view": 1, "not-found": 1}
    point = scores.calls.points[0]
    assert (point.sensitivity.value, point.sensitivity.n) == (0.5, 2)
    assert (point.specificity.value, point.specificity.n) == (0.0, 1)
    assert point.sensitivity_in_view.value == pytest.approx(1 / 3)
    assert [share.value for share in point.by_grade] == [1.0, None, 0.5, None]
    assert scores.calls.auc_grade2.value == 0.5


def test_patients_are_called_by_any_flag_and_false_flags_are_counted(tmp_path: Path) -> None:
    write_case(tmp_path, "fractured", {**NORMAL, Level.L1: 2}, contents="fractures")
    write_case(tmp_path, "healthy", NORMAL, contents="normal")
    write_case(tmp_path, "mimic", NORMAL, contents="mimics")
    write_case(tmp_path, "refused", {**NORMAL, Level.L2: 3}, contents="fractures")
    answers = {
        "fractured": answer(*chain(probabilities=[0.01, 0.9, 0.6, 0.01, 0.01])),
        "healthy": answer(*chain()),
        "mimic": answer(*chain(probabilities=[0.01, 0.01, 0.8, 0.01, 0.01])),
        "refused": refusal(Reason.TOO_SHORT),
    }
    scores, _ = scored(tmp_path, answers)
    assert scores.patients is not None
    point = scores.patients.points[0]
    assert (point.sensitivity.value, point.sensitivity.n) == (1.0, 1)
    assert (point.sensitivity_of_all.value, point.sensitivity_of_all.n) == (0.5, 2)
    assert (point.specificity.value, point.mimics_called.value) == (0.5, 1.0)
    assert point.false_flags.value == pytest.approx(2 / 3)
    assert (scores.patients.studies, scores.patients.positive) == (4, 2)
    assert (scores.analysed.not_analysed.value, dict(scores.analysed.reasons)) == (0.25, {"too-little-of-the-body": 1})


def test_l5_counts_beside_the_convention_and_not_within_it(tmp_path: Path) -> None:
    write_case(tmp_path, "p", {Level.L4: 0, Level.L5: 2})
    scores, _ = scored(tmp_path, {"p": answer(finding(Level.L4, 0), finding(Level.L5, 1, 0.9))})
    assert scores.patients is not None
    assert scores.patients_all is not None
    assert (scores.patients.positive, scores.patients_all.positive) == (0, 1)
    assert scores.patients.points[0].specificity.value == 1.0
    assert scores.patients_all.points[0].sensitivity.value == 1.0
    assert scores.calls is not None
    assert scores.calls_all is not None
    assert (scores.calls.vertebrae, scores.calls_all.vertebrae) == (1, 2)


def test_a_flag_where_no_body_is_calls_the_patient_unless_the_truth_may_leave_bodies_out(tmp_path: Path) -> None:
    write_case(tmp_path, "p", NORMAL, contents="normal")
    above = finding(Level.T11, -1, 0.9)
    results = run([tmp_path], Plan(lambda: Told({"p": answer(above, *chain())})))
    study = study_row(results.images[0])
    assert [stray.in_span for stray in study.strays] == [False]
    assert (is_called(study, POINT, core=True), false_flags(study, POINT, core=True)) == (True, 1)
    masked = study_row(replace(study.record, truth=replace(study.record.truth, synthetic=False)))
    assert (is_called(masked, POINT, core=True), false_flags(masked, POINT, core=True)) == (False, 0)


def test_an_image_without_a_spine_is_right_to_be_refused(tmp_path: Path) -> None:
    write_case(tmp_path, "head", {}, contents="none")
    write_case(tmp_path, "noise", {}, contents="none")
    write_case(tmp_path, "spine", NORMAL, contents="normal")
    answers = {"head": refusal(), "noise": answer(finding(Level.L1, 0, 0.9)), "spine": answer(*chain())}
    scores, _ = scored(tmp_path, answers)
    assert (scores.analysed.with_spine, scores.analysed.not_analysed.value) == (1, 0.0)
    assert (scores.analysed.without_spine, scores.analysed.without_spine_not_analysed.value) == (2, 0.5)
    assert scores.analysed.without_spine_bodies == 1
    assert scores.location.studies == 1


def test_results_are_split_by_who_and_how(tmp_path: Path) -> None:
    write_case(tmp_path, "thin", {**NORMAL, Level.L1: 2}, slice_mm=1.0, kernel="soft", sex="F", age=81)
    write_case(tmp_path, "thick", {**NORMAL, Level.L1: 2}, slice_mm=5.0, kernel="sharp", sex="M", age=49)
    write_case(tmp_path, "old-layout", NORMAL)
    hit, miss = answer(*chain(probabilities=[0.01, 0.9, 0.01, 0.01, 0.01])), answer(*chain())
    scores, _ = scored(tmp_path, {"thin": hit, "thick": miss, "old-layout": miss})
    assert list(scores.splits["slice thickness"]) == ["0 to 1.25 mm", "3 to 5 mm", "not stated"]
    assert scores.splits["kernel"]["soft"].points[0].sensitivity.value == 1.0
    assert scores.splits["kernel"]["sharp"].points[0].sensitivity.value == 0.0
    assert set(scores.splits["sex"]) == {"F", "M", "not stated"}
    assert set(scores.splits["age"]) == {"49 and under", "80 and over", "not stated"}
    assert list(scores.splits["level"]) == ["T12", "L1", "L2", "L3", "L4"]
    assert scores.splits["level"]["L1"].fractured == 2


def test_the_same_patients_at_5_mm_show_what_thick_slices_cost(tmp_path: Path) -> None:
    answers: dict[str, Analysis | Exception] = {}
    for patient in range(6):
        for slice_mm, probability in ((1.25, 0.9), (5.0, 0.9 if patient else 0.001)):
            name = f"{patient}-{slice_mm:g}"
            about = {"patient": str(patient), "slice_mm": slice_mm, "kernel": "soft"}
            write_case(tmp_path, name, {**NORMAL, Level.L1: 2}, **about)
            answers[name] = answer(*chain(probabilities=[0.01, probability, 0.01, 0.01, 0.01]))
    write_case(tmp_path, "alone", NORMAL, slice_mm=5.0, kernel="soft")
    scores, _ = scored(tmp_path, {**answers, "alone": answer(*chain())})
    (thick,) = scores.paired
    assert thick.name == "5 mm slices against 1.25 mm, soft kernel"
    assert (thick.patients, thick.reference.value) == (6, 1.0)
    assert thick.loss.subjects == 6, "every patient has a fractured and a sound vertebra"
    assert thick.loss.value == pytest.approx(1 / 6)
    assert thick.loss.low is not None
    assert thick.loss.high is not None
    assert thick.loss.low <= 1 / 6 <= thick.loss.high


def test_truths_that_do_not_fit_are_exclusions(tmp_path: Path) -> None:
    write_case(tmp_path, "other-image", NORMAL, sha256="0" * 64)
    write_case(tmp_path, "no-image", NORMAL).unlink()
    write_case(tmp_path, "no-levels", NORMAL, vertebrae=[{"level": "Q1"}])
    (tmp_path / "broken.nii.gz").touch()
    (tmp_path / "broken.truth.json").write_text("{", encoding="utf-8")
    (tmp_path / "slice.dcm").touch()
    results = run([tmp_path], Plan(lambda: Told({})))
    why = {item.name: item.reason for item in results.excluded}
    assert "sha256" in why["other-image.nii.gz"]
    assert "not beside it" in why["no-image.truth.json"]
    assert "no truth of a synthetic image" in why["no-levels.nii.gz"]
    assert "no truth file" in why["broken.truth.json"]
    assert any("DICOM" in reason for reason in why.values())
    assert results.images == ()


def test_naming_one_image_finds_its_truth(tmp_path: Path) -> None:
    image = write_case(tmp_path, "one", NORMAL)
    write_case(tmp_path, "two", NORMAL)
    results: Results = run([image], Plan(lambda: Told({"one": answer(*chain())})))
    assert [record.name for record in results.images] == ["one"]
