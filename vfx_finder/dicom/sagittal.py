"""Flat sagittal images of a spine with their place in the patient, and the bodies in them: facts and their bytes."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reformat:
    """Parallel flat sagittal images from the patient's right to the left, and where the bodies lie in them.

    `hu`: int16 [image, row, column]; `bodies`: uint8 of the same shape, n where the n-th finding's body is (from 1), 0
    elsewhere: the middle of each body, which is all that the measuring looks at. `origin`: LPS mm of the first pixel of
    image 0; `along_row`, `along_column` and `across` are LPS unit vectors of growing column, row and image.
    `spacing_mm` lies between images, each a slab of that thickness. `middles`: for each finding, the image (a fraction)
    that the middle of its body lies in. `scale`: pixels here for one pixel of the picture that findings are drawn on.
    """

    hu: NDArray[np.int16]
    bodies: NDArray[np.uint8]
    origin: Floats
    along_row: Floats
    along_column: Floats
    across: Floats
    middles: Floats
    scale: float
    pixel_mm: float
    spacing_mm: float

    def position(self, image: float) -> Floats:
        """LPS mm of the first pixel of this image."""
        return np.asarray(self.origin + image * self.spacing_mm * self.across)

    def image_of(self, finding: int) -> int:
        """The image nearest to the middle of this finding's body."""
        return int(np.clip(np.rint(self.middles[finding]), 0, len(self.hu) - 1))

    def to_lps(self, points: Floats, image: float) -> Floats:
        """LPS mm [n, 3] of points [n, 2] (column, row) of this image, in its pixels."""
        column, row = points[:, :1] * self.pixel_mm, points[:, 1:] * self.pixel_mm
        return np.asarray(self.position(image) + column * self.along_row + row * self.along_column)


def packed(reformat: Reformat) -> bytes:
    """The reformat as bytes (a compressed .npz) that are kept with the analysis; the same reformat, the same bytes."""
    buffer = BytesIO()
    np.savez_compressed(buffer, **vars(reformat))
    return buffer.getvalue()


def unpacked(data: bytes) -> Reformat:
    """The reformat that these bytes were made of."""
    with np.load(BytesIO(data), allow_pickle=False) as kept:
        return Reformat(
            hu=kept["hu"],
            bodies=kept["bodies"],
            origin=kept["origin"],
            along_row=kept["along_row"],
            along_column=kept["along_column"],
            across=kept["across"],
            middles=kept["middles"],
            scale=float(kept["scale"]),
            pixel_mm=float(kept["pixel_mm"]),
            spacing_mm=float(kept["spacing_mm"]),
        )
