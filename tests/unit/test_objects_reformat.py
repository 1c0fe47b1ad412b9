"""The sagittal reformat that is kept with an analysis: true geometry, bodies where they are, the same bytes back."""

import numpy as np
import pytest

from pipelines.steps.reformat import PIXEL_MM, SPACING_MM, sagittal_reformat
from tests.support.bone_blocks import Painted, ball, located, volume
from vfx_finder.dicom.sagittal import Reformat, packed, unpacked
from vfx_finder.domain.spine import Level

BRIGHT_HU = 2500.0
IN_L1 = Painted(Level.L1, ball(4.0), BRIGHT_HU)
L1 = 1


@pytest.mark.parametrize("turn", [0.0, 8.0], ids=["straight", "turned grid"])
def test_a_bright_ball_is_where_the_reformat_says(turn):
    """The centre of gravity of a ball in L1, carried to the patient's space, is where the ball was put."""
    found, there = located(), volume(IN_L1, turn_degrees=turn)
    reformat = sagittal_reformat(there, found.stack, found.bodies)
    where = np.argwhere(reformat.hu > BRIGHT_HU * 0.7)
    image, row, column = where.mean(axis=0)
    seen = reformat.to_lps(np.array([[column, row]]), float(image))[0]
    assert seen == pytest.approx(found.stack.to_lps(*found.bodies[L1].centre), abs=1.0)


def test_drawings_of_the_picture_lie_on_it_after_scaling():
    """(row, column) of the sections times the scale is (row, column) of the image through the body's middle."""
    found = located()
    reformat = sagittal_reformat(volume(IN_L1), found.stack, found.bodies)
    shown = reformat.hu[reformat.image_of(L1)] > BRIGHT_HU * 0.7
    expected = [value * reformat.scale for value in found.bodies[L1].centre]
    assert np.argwhere(shown).mean(axis=0) == pytest.approx(expected, abs=1.0)
    row, column = (round(value) for value in expected)
    assert reformat.bodies[reformat.image_of(L1), row, column] == L1 + 1


def test_bodies_have_the_volume_that_was_looked_at():
    """Each body's label fills the middle part that the sections show, and no other body's."""
    found = located()
    reformat = sagittal_reformat(volume(), found.stack, found.bodies)
    offsets = found.stack.offsets_mm
    width = offsets[-1] - offsets[0] + 3.0
    for number, body in enumerate(found.bodies, start=1):
        seen = float((reformat.bodies == number).sum()) * PIXEL_MM**2 * SPACING_MM
        expected = float((body.mask[len(offsets) // 2] > 0.5).sum()) * width
        assert seen == pytest.approx(expected, rel=0.25)


def test_images_reach_beyond_the_bodies_to_both_sides():
    """The vertebra's whole width is shown, with its facets."""
    found = located()
    reformat = sagittal_reformat(volume(), found.stack, found.bodies)
    assert reformat.middles.min() * SPACING_MM >= 21.0
    assert (len(reformat.hu) - 1 - reformat.middles.max()) * SPACING_MM >= 21.0


def test_what_is_kept_comes_back():
    """Packed bytes are the same for the same reformat, and hold all of it."""
    found = located()
    reformat = sagittal_reformat(volume(IN_L1), found.stack, found.bodies)
    data = packed(reformat)
    again = unpacked(data)
    assert packed(again) == data == packed(reformat)
    for name in Reformat.__dataclass_fields__:
        assert np.array_equal(getattr(again, name), getattr(reformat, name))
