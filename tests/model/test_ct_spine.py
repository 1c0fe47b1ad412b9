"""The ct_spine bundle as shipped: unchanged weights, right answers on the synthetic sample and on the real checks."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import models
from models import catalogue
from models.catalogue import Models
from pipelines.steps.mask_sections import measure_label_mask
from pipelines.study import analyse
from tests.support.real_data import real_data
from vfx_finder.domain import genant
from vfx_finder.domain.errors import Broken
from vfx_finder.domain.finding import Analysis, Deformity, Finding
from vfx_finder.domain.spine import Heights, Level

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "synthetic" / "lumbar-wedge.nii.gz"
RATIO_ERROR = 0.04
REAL_RATIO_ERROR = 0.03
CENTRE_MM = 5.0
SIDEWAYS_MM = 8.0
"""The spine's mid-line may lie this far to one side of a body's centre: heights are the same there."""


@pytest.fixture(scope="module")
def shelf() -> Models:
    return catalogue.load(device="cpu")


@pytest.fixture(scope="module")
def sample(shelf: Models) -> Analysis:
    return analyse([SAMPLE], shelf)


@pytest.fixture(scope="module")
def truth() -> dict[str, dict[str, object]]:
    content = json.loads(SAMPLE.with_name("lumbar-wedge.truth.json").read_text())
    return {vertebra["level"]: vertebra for vertebra in content["vertebrae"]}


def by_level(analysis: Analysis) -> dict[str, Finding]:
    return {finding.vertebra.level.level.value: finding for finding in analysis.findings}


def test_the_models_package_is_ours() -> None:
    """A bundle's own models folder never takes the place of this package."""
    assert Path(str(models.__file__)).parent == catalogue.SHELF


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are not those of the model card stop the program before they are used."""
    shutil.copytree(catalogue.SHELF / "ct_spine", tmp_path / "ct_spine")
    monkeypatch.setattr(catalogue, "SHELF", tmp_path)
    assert catalogue.check("ct_spine").version == catalogue.card("ct_spine")["version"]
    weights = tmp_path / "ct_spine" / "models" / "fine.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    with pytest.raises(Broken, match="not those of the model card"):
        catalogue.check("ct_spine")
    weights.unlink()
    with pytest.raises(Broken, match="missing"):
        catalogue.check("ct_spine")


def test_the_sample_is_the_one_of_its_answer_key() -> None:
    """The synthetic sample has the sha256 that its answer key names."""
    content = json.loads(SAMPLE.with_name("lumbar-wedge.truth.json").read_text())
    assert hashlib.sha256(SAMPLE.read_bytes()).hexdigest() == content["sha256"]


def test_every_vertebra_of_the_sample_is_found_and_numbered(
    sample: Analysis, truth: dict[str, dict[str, object]]
) -> None:
    """On the synthetic sample every body in view is found within 5 mm and called by its level, and none is invented."""
    found = by_level(sample)
    assert set(found) == set(truth)
    for level, answer in truth.items():
        error = np.linalg.norm(np.subtract(found[level].vertebra.centre_mm, answer["centre_mm"]))
        assert error < CENTRE_MM, level


def test_the_wedge_of_the_sample_is_a_fracture_and_the_rest_is_sound(sample: Analysis) -> None:
    """The one fracture of the synthetic sample is grade 2 or more; no sound neighbour is."""
    grades = {level: finding.grade for level, finding in by_level(sample).items() if level != "L5"}
    assert grades.pop("L2") in (2, 3)
    assert all(grade is not None and grade <= 1 for grade in grades.values())


def test_the_sample_is_what_its_name_says(sample: Analysis, truth: dict[str, dict[str, object]]) -> None:
    """Drawn as a plain wedge (most lost in front, half as much on the way to the back), and measured as one."""
    anterior, middle, posterior = truth["L2"]["heights_mm"]  # type: ignore[misc]
    heights = Heights(anterior, middle, posterior)
    assert genant.deformity(Level.L2, heights, {}) is Deformity.WEDGE
    assert by_level(sample)["L2"].deformity is Deformity.WEDGE


def test_heights_of_the_sample_are_near_the_truth(sample: Analysis, truth: dict[str, dict[str, object]]) -> None:
    """Height ratios on the synthetic sample differ from the exact ones by at most 0.04 on average."""
    errors = []
    for level, finding in by_level(sample).items():
        heights = finding.vertebra.heights
        exact = truth[level]["heights_mm"]
        assert heights is not None
        errors.append(abs(heights.min_max - min(exact) / max(exact)))  # type: ignore[call-overload]
    assert np.mean(errors) <= RATIO_ERROR


@pytest.mark.parametrize(("subject", "count"), [("005", 5), ("006", 2)])
def test_real_spines_are_found_numbered_and_measured(subject: str, count: int, shelf: Models) -> None:
    """On the real CTs 005 and 006 every labelled body is found within 5 mm of its height and depth, numbered right and
    measured within 0.03 on average."""
    folder = real_data("ct", "verse")
    analysis = analyse([folder / f"sub-verse{subject}_ct.nii.gz"], shelf)
    expert = measure_label_mask(folder / f"sub-verse{subject}_seg-vert_msk.nii.gz")
    found = by_level(analysis)
    errors = []
    for level, mask in expert.items():
        finding = found[level.value]
        side, *others = np.subtract(finding.vertebra.centre_mm, mask.centre_mm)
        assert np.linalg.norm(others) < CENTRE_MM
        assert abs(side) < SIDEWAYS_MM
        if not mask.cut and mask.body is not None and finding.vertebra.heights is not None:
            errors.append(abs(finding.vertebra.heights.min_max - mask.body.heights.min_max))
    assert len(expert) == count
    assert len(errors) == count
    assert np.mean(errors) <= REAL_RATIO_ERROR


def test_no_false_body_stands_within_a_labelled_span(shelf: Models) -> None:
    """Between the first and the last labelled body of 005 the software sees just the labelled ones."""
    folder = real_data("ct", "verse")
    analysis = analyse([folder / "sub-verse005_ct.nii.gz"], shelf)
    inside = [f for f in analysis.findings if Level.L1 <= f.vertebra.level.level <= Level.L5]
    assert len(inside) == len({f.vertebra.level.level for f in inside}) == 5
