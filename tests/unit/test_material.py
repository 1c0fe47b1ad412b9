"""What lies in a body beside bone: metal and cement are never measured around, lesions are told."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.steps.facts import Body, SagittalStack
from pipelines.steps.material import CEMENT, METAL, materials
from tests.support.locating import bodies_of
from vfx_finder.domain.mimic import Mimic

NOISE = np.random.default_rng(4)


def scanned() -> tuple[Body, SagittalStack, NDArray[np.float32]]:
    """A normal body of 28 mm by 30 mm in noisy sections, and its HU to paint on [plane, row, col] around its middle."""
    located = bodies_of([(28, 28), (28, 28)])
    stack = replace(
        located.stack, hu=np.asarray(located.stack.hu + NOISE.normal(0, 20, located.stack.hu.shape), np.float32)
    )
    stack = replace(stack, hu=np.where(stack.body > 0.5, stack.hu - 140, stack.hu).astype(np.float32))
    body = located.bodies[0]
    row, col = (round(at) for at in body.centre)
    return body, stack, stack.hu[:, row - 14 : row + 14, col - 15 : col + 15]


def test_bone_alone_is_not_remarked_on() -> None:
    body, stack, _ = scanned()
    assert materials(body, stack) == ()


def test_a_screw_through_the_body_is_metal() -> None:
    body, stack, hu = scanned()
    hu[:, 8:12, 4:28] = 3071
    assert materials(body, stack) == (METAL,)


def test_metal_just_beside_the_body_counts_and_farther_away_it_does_not() -> None:
    body, stack, _ = scanned()
    row, behind = round(body.centre[0]), round(body.centre[1]) + 15
    stack.hu[:, row - 6 : row + 6, behind + 2 : behind + 6] = 3071
    assert materials(body, stack) == (METAL,)
    body, stack, _ = scanned()
    stack.hu[:, row - 6 : row + 6, behind + 8 : behind + 12] = 3071
    assert materials(body, stack) == ()


def test_cement_fills_the_body_without_the_streaks_of_metal() -> None:
    body, stack, hu = scanned()
    hu[:, 8:20, 8:22] = 1900
    assert materials(body, stack) == (CEMENT,)


@pytest.mark.parametrize(("value", "like"), [(900, Mimic.SCLEROTIC_LESION), (-20, Mimic.LYTIC_LESION)])
def test_a_patch_far_from_the_rest_of_the_bone_is_told_as_a_lesion(value: float, like: Mimic) -> None:
    body, stack, hu = scanned()
    hu[:, 8:20, 9:21] = value
    assert materials(body, stack) == (like.value,)


def test_thin_dense_end_plates_are_no_lesion() -> None:
    body, stack, hu = scanned()
    hu[:, :2] = hu[:, -2:] = 900
    assert materials(body, stack) == ()
