"""Bone density read by the shipped networks on real scans: plausible, and alike in neighbouring vertebrae."""

from dataclasses import replace

import numpy as np
import pytest

from models import catalogue
from models.catalogue import Models
from pipelines.steps.density import Site, bone_density
from pipelines.steps.facts import Located, Volume
from pipelines.steps.locate import locate
from pipelines.steps.measure import measure_body
from pipelines.steps.nifti import read_nifti
from tests.support.real_data import real_data
from vfx_finder.domain.bone_density import NOT_STATED, Trabecular
from vfx_finder.domain.finding import Finding
from vfx_finder.domain.spine import Level, LevelEstimate, Vertebra

ADULT_HU = (20.0, 300.0)
"""Mean 226 HU (SD 44) under 30 years, 89 HU (SD 38) from 90 years (Jang 2019): about two SD beyond either."""


@pytest.fixture(scope="module")
def shelf() -> Models:
    return catalogue.load(device="cpu")


def densities(volume: Volume, found: Located) -> list[Trabecular]:
    """Every body measured as if it were a sound L1 of a sure number."""
    answers = []
    for body in found.bodies:
        site = _taken_for_l1(found, body)
        answer = bone_density(volume, found.stack, [site]).measured
        if answer is not None:
            answers.append(answer)
    return answers


def _taken_for_l1(found: Located, body: object) -> Site:
    whole = replace(body, cut=False)  # type: ignore[type-var]
    measure = measure_body(whole, found.stack)
    heights = measure.heights if measure else None
    vertebra = Vertebra(LevelEstimate(Level.L1, 1.0, {}), (0.0, 0.0, 0.0), heights, (), None)
    return Site(Finding(vertebra, None, 0 if measure else None, None, None), whole, measure)


def test_the_lumbar_spine_of_verse_005_is_plausible_and_even(shelf: Models) -> None:
    """Seven bodies are in view; most can be read, and neighbours agree as bone does."""
    volume = read_nifti(real_data("ct", "verse", "sub-verse005_ct.nii.gz"))
    assert isinstance(volume, Volume)
    found = locate(volume, shelf.ct_spine)
    assert isinstance(found, Located)
    answers = densities(volume, found)
    means = np.array([answer.mean_hu for answer in answers])
    assert len(answers) >= 4
    assert np.all((means > ADULT_HU[0]) & (means < ADULT_HU[1]))
    assert np.abs(np.diff(means)).max() < 50
    assert all(answer.area_mm2 > 100 and answer.left_out < 0.3 for answer in answers)
    assert volume.exposure == NOT_STATED
