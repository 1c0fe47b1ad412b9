"""The sagittal picture that findings are drawn on."""

from io import BytesIO

import numpy as np
from PIL import Image

from pipelines.steps.facts import SagittalStack
from vfx_finder.domain.finding import SagittalPicture

WINDOW_CENTRE_HU, WINDOW_WIDTH_HU = 400.0, 1800.0
"""A bone window: -500 HU is black, 1300 HU white."""


def sagittal_picture(stack: SagittalStack) -> SagittalPicture:
    """The middle plane in a bone window as an 8-bit grey PNG, pixel for pixel.

    Drawings made in the stack's pixels (column, row) therefore need no conversion.
    """
    middle = stack.hu[len(stack.hu) // 2]
    darkest = WINDOW_CENTRE_HU - WINDOW_WIDTH_HU / 2
    grey = np.clip((middle - darkest) / WINDOW_WIDTH_HU, 0.0, 1.0) * 255
    buffer = BytesIO()
    Image.fromarray(np.rint(grey).astype(np.uint8)).save(buffer, "PNG", optimize=True)
    height, width = middle.shape
    return SagittalPicture(buffer.getvalue(), width, height, stack.mm_per_pixel)
