"""The JSON of an analysis has exactly the agreed shape, and tells all that it told when read back."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analysis_json import from_document, to_document, write_json
from vfx_finder.domain.bone_density import BoneDensity, Contrast, Exposure, PassedOver, Trabecular, WhyNot
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import Analysis, Deformity, Finding, Loss, ModelVersion, PatientSummary
from vfx_finder.domain.operating_point import BALANCED, ON_FILMS, OPERATING_POINTS, Measured, OperatingPoint
from vfx_finder.domain.spine import Heights, Level, LevelEstimate, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

EXAMPLE = """
{"schema": "vfx-finder/analysis/1",
 "notice": "Research software: not for clinical decisions. A radiologist decides.",
 "modality": "CT", "unsuitable": null,
 "vertebrae": [{"level": "L1", "level_confidence": 0.97, "level_alternatives": {"T12": 0.03}, "level_words": "L1",
   "centre_mm": [0.0, 0.0, 0.0], "heights_mm": {"anterior": 18.0, "middle": 20.0, "posterior": 25.0},
   "ratios": {"min_max": 0.72, "anterior_posterior": 0.72, "middle_posterior": 0.80},
   "loss": {"own": 0.25, "expected": 0.22}, "severity": 0.27399999999999997, "grade": 2, "deformity": "wedge",
   "probability_grade2plus": 0.93, "flagged": true, "flags": ["cut-by-field-of-view"], "unsuitable": null}],
 "patient": {"max_grade": 2, "fracture_count": 1, "spinal_deformity_index": 2, "probability_grade2plus": 0.95,
 "probability_at_most": 0.99},
 "models": [{"name": "ct_spine", "version": "0.1.0", "sha256": "..."}],
 "seconds": {"read": 0.0, "locate": 0.0, "measure": 0.0, "total": 0.0},
 "bone_density": {
   "measured": {"level": "T12", "mean_hu": 121.5, "sd_hu": 24.0, "area_mm2": 198.0, "volume_mm3": 1590.0,
     "left_out": 0.04},
   "exposure": {"kvp": 120.0, "contrast": "unknown"}, "passed_over": [{"level": "L1", "why": "fractured"}]},
 "operating_point": {"name": "balanced", "threshold": 0.5, "mimics_count_fully": false, "measured":
   {"threshold": 0.5, "sensitivity": 0.95, "specificity": 0.8, "n": 400, "on": "synthetic patients"}},
 "cement": []}
"""

shares = st.floats(0, 1)
levels_named = st.sampled_from(Level)
lengths = st.floats(0.1, 60)
unsuitables = st.none() | st.builds(Unsuitable, st.sampled_from(Reason), st.text(max_size=20))
levels = st.builds(
    LevelEstimate, st.sampled_from(Level), shares, st.dictionaries(st.sampled_from(Level), shares, max_size=3)
)
vertebrae = st.builds(
    Vertebra,
    level=levels,
    centre_mm=st.tuples(*[st.floats(-2000, 2000)] * 3),
    heights=st.none() | st.builds(Heights, lengths, lengths, lengths),
    flags=st.lists(st.sampled_from(["planes-disagree", "thick-slices"]), unique=True).map(tuple),
    drawing=st.none(),
)
findings = st.builds(
    Finding,
    vertebra=vertebrae,
    loss=st.none() | st.builds(Loss, shares, st.none() | shares),
    grade=st.none() | st.integers(0, 3),
    deformity=st.none() | st.sampled_from(Deformity),
    probability_grade2plus=st.none() | shares,
    unsuitable=unsuitables,
)
MEASURED = Measured(BALANCED.threshold, 0.95, 0.8, 400, "synthetic patients")
positive = st.floats(0, 1e4)
densities = st.builds(
    BoneDensity,
    measured=st.none() | st.builds(Trabecular, levels_named, *[positive] * 5),
    exposure=st.builds(Exposure, st.none() | positive, st.sampled_from(Contrast)),
    passed_over=st.lists(st.builds(PassedOver, levels_named, st.sampled_from(WhyNot)), max_size=3).map(tuple),
)
patients = st.builds(PatientSummary, st.integers(0, 3), st.integers(0, 17), st.integers(0, 51), shares)
seconds = st.fixed_dictionaries(dict.fromkeys(("read", "locate", "measure", "total"), st.floats(0, 100)))
analyses = st.builds(
    Analysis,
    modality=st.sampled_from(["CT", "MR", ""]),
    unsuitable=unsuitables,
    findings=st.lists(findings, max_size=3).map(tuple),
    patient=st.none() | patients,
    models=st.lists(st.builds(ModelVersion, st.text(), st.text(), st.text()), max_size=2).map(tuple),
    seconds=seconds,
    bone_density=st.none() | densities,
    operating_point=st.sampled_from([*OPERATING_POINTS.values(), BALANCED.with_measured(MEASURED)]),
)


@given(analyses)
def test_what_is_written_is_what_is_read(analysis: Analysis) -> None:
    document = to_document(analysis)
    assert from_document(json.loads(json.dumps(document, allow_nan=False))) == analysis
    assert to_document(from_document(document)) == document


def test_the_agreed_example_is_reproduced_key_for_key() -> None:
    example = json.loads(EXAMPLE)
    again = to_document(from_document(example))
    assert json.dumps(again) == json.dumps(example), "same keys, same order, same values"


def test_a_document_from_before_density_and_operating_points_is_still_read() -> None:
    later = {"bone_density", "operating_point", "notice", "cement"}
    older = {key: value for key, value in json.loads(EXAMPLE).items() if key not in later}
    assert from_document(older).bone_density is None
    assert from_document(older).operating_point == OperatingPoint("balanced", 0.25), "as it was then"


def test_what_was_not_measured_is_null_and_never_left_out() -> None:
    analysis = from_document(json.loads(EXAMPLE))
    bare = replace(
        analysis.findings[0],
        vertebra=replace(analysis.findings[0].vertebra, heights=None),
        loss=None,
        grade=None,
        deformity=None,
        probability_grade2plus=None,
        unsuitable=Unsuitable(Reason.CUT_BY_FIELD_OF_VIEW, "L1 is only partly in the picture."),
    )
    row = to_document(replace(analysis, findings=(bare,)))["vertebrae"][0]
    assert list(row) == list(json.loads(EXAMPLE)["vertebrae"][0])
    assert row["heights_mm"] == {"anterior": None, "middle": None, "posterior": None}
    assert row["ratios"] == {"min_max": None, "anterior_posterior": None, "middle_posterior": None}
    assert row["loss"] == {"own": None, "expected": None}
    assert row["unsuitable"] == {"reason": "cut-by-field-of-view", "detail": "L1 is only partly in the picture."}


def test_a_film_has_no_number_that_is_made_of_grades() -> None:
    """Grade 0 would say that nothing is broken; nothing on a film is graded."""
    patient, example = PatientSummary(0, 0, 0, 0.4), from_document(json.loads(EXAMPLE))
    film = replace(example, modality="DX", patient=patient, operating_point=ON_FILMS)
    told = to_document(film)["patient"]
    assert [told[name] for name in ("max_grade", "fracture_count", "spinal_deformity_index")] == [None, None, None]
    assert from_document(to_document(film)) == film


def test_levels_with_cement_are_named() -> None:
    analysis = from_document(json.loads(EXAMPLE))
    filled = replace(analysis.findings[0], grade=None, unsuitable=Unsuitable(Reason.CEMENT, "L1 is filled."))
    document = to_document(replace(analysis, findings=(filled,)))
    assert document["cement"] == ["L1"]
    assert not document["vertebrae"][0]["flagged"]


def test_a_study_not_analysed_says_why_in_the_same_shape() -> None:
    why = Unsuitable(Reason.NO_XRAY_MODEL, "No X-ray model is installed.")
    document = to_document(Analysis("CR", why, (), None, (), {}))
    assert list(document) == list(json.loads(EXAMPLE))
    assert document["unsuitable"] == {"reason": "no-xray-model-installed", "detail": "No X-ray model is installed."}
    assert document["patient"] is None
    assert document["seconds"] == {"read": 0.0, "locate": 0.0, "measure": 0.0, "total": 0.0}


def test_numbers_of_numpy_are_written_as_plain_numbers(tmp_path: Path) -> None:
    analysis = from_document(json.loads(EXAMPLE))
    odd = replace(analysis.findings[0].vertebra, centre_mm=tuple(np.float32([1, 2, 3])))
    write_json(replace(analysis, findings=(replace(analysis.findings[0], vertebra=odd),)), tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["vertebrae"][0]["centre_mm"] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("document", [{}, {"schema": "vfx-finder/analysis/2"}, {"schema": "vfx-finder/analysis/1"}])
def test_another_document_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        from_document(document)
