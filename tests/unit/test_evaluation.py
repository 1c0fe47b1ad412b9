"""Evaluation counts what a hospital would count: found, false, misnamed, mismeasured, excluded with a reason."""

import json
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pipelines.evaluation import statistics
from pipelines.evaluation.cases import Case, find_cases, read_grades, subject_of
from pipelines.evaluation.grading import grade_mask
from pipelines.evaluation.record import image_record
from pipelines.evaluation.report import evaluation, to_json
from pipelines.evaluation.rows import StudyRow, study_row
from pipelines.evaluation.run import Plan, run
from pipelines.steps.mask_sections import measure_label_mask
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import Analysis, Finding
from vfx_finder.domain.spine import Heights, Level, LevelEstimate, Point3, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

LABELS = {20: 150, 21: 115, 22: 80, 23: 45}
"""L1 to L4 and how high (mm) their centres lie."""
SIZE = (40, 80, 190)
DEPTH, HEIGHT = 32, 26


def spine_mask(folder: Path, name: str = "sub-verse900_seg-vert_msk.nii.gz", top_cut: bool = False) -> Path:
    """Box-shaped bodies with a process behind, 1 mm voxels in RAS; L1 may leave the image at the top."""
    labels = np.zeros(SIZE, np.uint8)
    for label, middle in LABELS.items():
        up = SIZE[2] if label == 20 and top_cut else middle + HEIGHT // 2
        labels[6:34, 34 : 34 + DEPTH, middle - HEIGHT // 2 : up] = label
        labels[17:23, 10:26, middle - 6 : middle + 2] = label
        labels[8:12, 20:40, middle - 2 : middle + 3] = label
        labels[8:23, 20:24, middle - 2 : middle + 3] = label
    if top_cut:
        labels = labels[:, :, : LABELS[20] + 6]
    image = nib.Nifti1Image(labels, np.array([[1, 0, 0, -20], [0, 1, 0, -50], [0, 0, 1, 100], [0, 0, 0, 1.0]]))
    nib.save(image, folder / name)
    return folder / name


def finding(level: Level, centre: Point3, heights: Heights | None = None) -> Finding:
    vertebra = Vertebra(LevelEstimate(level, 1.0, {}), centre, heights, (), None)
    return Finding(vertebra, None, None, None, None, Unsuitable(Reason.NOT_MEASURABLE))


def answer(findings: Sequence[Finding]) -> Analysis:
    return Analysis("CT", None, tuple(findings), None, (), {})


def evaluated(case: Case, said: Analysis) -> StudyRow:
    record, _ = image_record(case, lambda _: said)
    return study_row(record)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    return spine_mask(tmp_path)


def test_a_box_is_measured_as_tall_as_it_was_drawn_and_where_it_lies(mask: Path) -> None:
    measures = measure_label_mask(mask)
    assert list(measures) == [Level.L1, Level.L2, Level.L3, Level.L4]
    body = measures[Level.L2].body
    assert body is not None
    assert body.heights.anterior == pytest.approx(HEIGHT, abs=0.7)
    assert body.heights.min_max > 0.97
    assert body.depth_mm == pytest.approx(DEPTH, abs=1.5)
    # voxel (20, 50, 115) lies at RAS (0, 0, 215), which is LPS (0, 0, 215)
    assert measures[Level.L2].centre_mm == pytest.approx((0.5, 0.5, 214.5), abs=2.5)
    assert not any(measure.cut for measure in measures.values())


def test_a_body_that_leaves_the_image_is_cut(tmp_path: Path) -> None:
    measures = measure_label_mask(spine_mask(tmp_path, top_cut=True))
    assert [level for level, measure in measures.items() if measure.cut] == [Level.L1]


def test_turning_the_file_around_changes_nothing(mask: Path, tmp_path: Path) -> None:
    image = nib.load(mask)
    turned = image.as_reoriented([[1, -1], [2, 1], [0, -1]])
    nib.save(turned, tmp_path / "turned.nii.gz")
    before, after = measure_label_mask(mask), measure_label_mask(tmp_path / "turned.nii.gz")
    for level, measure in before.items():
        assert after[level].centre_mm == pytest.approx(measure.centre_mm, abs=1e-3)
        assert after[level].body is not None
        assert measure.body is not None
        assert after[level].body.heights.min_max == pytest.approx(measure.body.heights.min_max, abs=1e-6)


def test_a_text_file_is_no_mask(tmp_path: Path) -> None:
    (tmp_path / "x_seg.nii.gz").write_text("no image")
    with pytest.raises(Unreadable):
        measure_label_mask(tmp_path / "x_seg.nii.gz")


def test_found_missed_misnamed_false_and_beyond_are_told_apart(mask: Path) -> None:
    expert = measure_label_mask(mask)
    at = {level: measure.centre_mm for level, measure in expert.items()}
    tall = Heights(26.0, 20.8, 26.0)
    said = answer(
        [
            finding(Level.L1, at[Level.L1], tall),
            finding(Level.L3, (at[Level.L2][0], at[Level.L2][1] + 4, at[Level.L2][2])),
            finding(Level.L4, (at[Level.L3][0], at[Level.L3][1] + 40, at[Level.L3][2])),
            finding(Level.S1, (at[Level.L4][0], at[Level.L4][1], at[Level.L4][2] - 40)),
        ]
    )
    result = evaluated(Case("verse900", mask, ct=mask, grades={Level.L1: 2}), said)
    bodies = {row.true.level: row for row in result.bodies}
    assert [bodies[level].said is not None for level in expert] == [True, True, False, False]
    assert bodies[Level.L1].ratio_error == pytest.approx(0.8 - 0.99, abs=0.02)
    assert bodies[Level.L1].true.grade == 2
    assert bodies[Level.L2].centre_mm == pytest.approx(4)
    assert bodies[Level.L2].said is not None
    assert bodies[Level.L2].said.level is Level.L3
    assert bodies[Level.L2].ratio_error is None
    assert sorted(stray.in_span for stray in result.strays) == [False, True]


def test_a_cut_body_counts_for_finding_and_not_for_its_ratio(tmp_path: Path) -> None:
    mask = spine_mask(tmp_path, top_cut=True)
    at = measure_label_mask(mask)[Level.L1].centre_mm
    said = answer([finding(Level.L1, at, Heights(10, 10, 10))])
    result = evaluated(Case("verse900", mask, ct=mask), said)
    assert result.bodies[0].true.cut
    assert result.bodies[0].said is not None
    assert result.bodies[0].ratio_error is None


def test_two_findings_on_one_body_are_one_hit_and_one_false(mask: Path) -> None:
    at = measure_label_mask(mask)[Level.L2].centre_mm
    said = answer([finding(Level.L2, at), finding(Level.L3, (at[0], at[1], at[2] + 5))])
    result = evaluated(Case("verse900", mask, ct=mask), said)
    assert sum(row.said is not None for row in result.bodies) == 1
    assert [stray.in_span for stray in result.strays] == [True]


def test_a_ct_that_is_not_analysed_misses_every_body(mask: Path) -> None:
    nothing = Analysis("CT", Unsuitable(Reason.NO_SPINE), (), None, (), {})
    result = evaluated(Case("verse900", mask, ct=mask), nothing)
    assert result.record.not_analysed == "no-spine-found"
    assert all(row.said is None for row in result.bodies)


def write_grades(folder: Path, rows: str) -> Path:
    (folder / "labels").mkdir()
    file = folder / "labels" / "verse_genant.csv"
    file.write_text("subject,mask_kind,label,level,genant\n" + rows, encoding="utf-8")
    return file


def test_cases_are_found_and_every_other_file_says_why_not(tmp_path: Path) -> None:
    write_grades(tmp_path, "sub-verse901,expert,20,L1,2\nsub-verse901,expert,21,L2,\n")
    masks = tmp_path / "masks" / "verse"
    masks.mkdir(parents=True)
    for name in ("sub-verse900_ct", "sub-verse900_seg-vert_msk", "verse901_seg", "verse902_seg", "x_ct", "atlas"):
        (masks / f"{name}.nii.gz").touch()
    cases, excluded = find_cases([tmp_path])
    assert [(case.subject, case.ct is not None) for case in cases] == [("verse900", True), ("verse901", False)]
    assert cases[1].grades == {Level.L1: 2}
    assert {item.name for item in excluded} == {"verse902_seg.nii.gz", "x_ct.nii.gz", "atlas.nii.gz"}


def test_naming_the_ct_alone_finds_its_mask(tmp_path: Path) -> None:
    for name in ("a_ct.nii.gz", "a_seg-vert_msk.nii.gz", "b_ct.nii.gz", "b_seg.nii.gz"):
        (tmp_path / name).touch()
    cases, excluded = find_cases([tmp_path / "a_ct.nii.gz", tmp_path / "b_ct.nii.gz"])
    assert [case.mask.name for case in cases] == ["a_seg-vert_msk.nii.gz"]
    assert [item.name for item in excluded] == ["b_ct.nii.gz"]


def test_a_missing_path_and_a_broken_table_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="does not exist"):
        find_cases([tmp_path / "nowhere"])
    with pytest.raises(Unreadable, match="table of grades"):
        read_grades(write_grades(tmp_path, "sub-verse1,expert,20,Q9,2\n"))


@pytest.mark.parametrize(
    ("name", "subject"),
    [("sub-verse005_ct.nii.gz", "verse005"), ("verse400_verse155_seg.nii.gz", "verse400_verse155"), ("mask.nii", "")],
)
def test_the_subject_is_in_the_name(name: str, subject: str) -> None:
    assert subject_of(Path(name)) == subject


def test_a_mask_with_grades_is_judged_without_a_network(mask: Path) -> None:
    rows, excluded = grade_mask(Case("verse900", mask, grades={Level.L2: 0, Level.L3: 1, Level.T7: 0}))
    assert [(row.level, row.truth, row.grade) for row in rows] == [(Level.L2, 0, 0), (Level.L3, 1, 0)]
    assert [item.reason for item in excluded] == ["1 graded vertebrae: not in the mask"]


def test_a_whole_run_becomes_json(tmp_path: Path) -> None:
    write_grades(tmp_path, "sub-verse900,expert,21,L2,0\nsub-verse900,expert,25,L6,0\n")
    mask = spine_mask(tmp_path)
    (tmp_path / "sub-verse900_ct.nii.gz").touch()
    expert = measure_label_mask(mask)
    said = answer([finding(level, measure.centre_mm, Heights(26, 26, 26)) for level, measure in expert.items()])
    results = run([tmp_path], Plan(lambda: lambda _: said))
    report = to_json(evaluation(results), results)
    kept = json.loads(json.dumps(report))
    assert kept["real"]["location"]["found"]["value"] == 1.0
    assert kept["real"]["location"]["identification_rate"]["value"] == 1.0
    assert kept["real"]["location"]["ratio_error"]["value"] < 0.03
    assert kept["masks"]["t4_l4"]["table"][0][0] == 1
    assert kept["masks"]["t4_l4"]["auc_grade2"]["value"] is None
    assert kept["synthetic"] is None
    assert str(tmp_path) not in json.dumps(report)
    without = run([tmp_path], Plan(None))
    assert without.images == ()
    assert any("no network" in item.reason for item in without.excluded)


def test_auc_and_kappa_by_hand() -> None:
    score, positive = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert statistics.auc(score, positive) == pytest.approx(0.75)
    assert statistics.auc(score, np.zeros(4, bool)) is None
    truth = np.array([0, 0, 1, 2, 3])
    assert statistics.quadratic_kappa(truth, truth) == pytest.approx(1.0)
    # three of five right, two one grade off: weights 2 / 5 seen; by chance (1 * 4 + ...) as counted below
    said = np.array([0, 1, 1, 3, 3])
    chance = np.mean([(a - b) ** 2 for a in truth for b in said])
    assert statistics.quadratic_kappa(truth, said) == pytest.approx(1 - 0.4 / chance)


def test_intervals_resample_patients_not_vertebrae() -> None:
    values = np.repeat([0.0, 0.0, 1.0, 1.0, 1.0, 0.0], 50)
    subjects = [f"s{at}" for at in range(6) for _ in range(50)]
    clustered = statistics.by_subject(lambda at: float(values[at].mean()), subjects)
    single = statistics.by_subject(lambda at: float(values[at].mean()), [str(at) for at in range(300)])
    assert clustered.low is not None
    assert clustered.high is not None
    assert single.low is not None
    assert single.high is not None
    assert clustered.high - clustered.low > 3 * (single.high - single.low)


def test_all_hits_still_have_an_honest_interval() -> None:
    subjects = [str(at) for at in range(6)]
    estimate = statistics.share_by_subject(np.ones(6, bool), np.ones(6, bool), subjects)
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(0.61, abs=0.01)


def test_too_few_patients_give_no_interval() -> None:
    estimate = statistics.by_subject(lambda at: float(len(at)), ["a", "a", "b"])
    assert (estimate.value, estimate.low) == (3.0, None)


def test_calibration_error_is_zero_for_true_probabilities_and_large_for_false_ones() -> None:
    positive = np.array([True, False] * 10)
    assert statistics.expected_calibration_error(np.full(20, 0.5), positive) == pytest.approx(0)
    assert statistics.expected_calibration_error(np.full(20, 0.95), positive) == pytest.approx(0.45)
