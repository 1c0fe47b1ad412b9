"""Metal, cement and lesions in or beside a vertebral body, from the attenuation of its sections."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import Body, FloatArray, SagittalStack
from vfx_finder.domain.mimic import Mimic

METAL = "metal"
CEMENT = "cement"

BRIGHT_HU = 1500.0
"""Denser than any bone: cortex ends near 1,200 HU once slices of a millimetre and more average it."""
METAL_HU = 2600.0
DARK_HU = -250.0
"""Beside metal rays are starved: streaks as dark as this do not lie inside a body otherwise, but gas in a disc may."""
BRIGHT_SHARE = 0.04
METAL_SHARE = 0.02
DARK_SHARE = 0.03
MARGIN_MM = 4.0

RIM_MM = 3.0
DENSE_HU = 450.0
DENSE_MORE = 300.0
HOLLOW_HU = 40.0
HOLLOW_LESS = 100.0
LESION_MM2 = 50.0
"""A lesion: a patch inside the shell of at least this area in the middle plane, so much denser or less dense than the
rest of the body (its median), and beyond these bounds."""


def materials(body: Body, stack: SagittalStack) -> tuple[str, ...]:
    """Flags for what the body holds beside bone: "metal", "cement", or likeness to a sclerotic or a lytic lesion."""
    reach = max(1, round(MARGIN_MM / stack.mm_per_pixel))
    hu, inside = _window(body, stack, reach)
    around = np.stack([ndi.binary_dilation(plane, iterations=reach) for plane in inside])
    whole = int(inside.sum())
    if not whole:
        return ()
    metal = float((around & (hu > METAL_HU)).sum()) / whole
    dark = float((inside & (hu < DARK_HU)).sum()) / whole
    if metal > METAL_SHARE or (metal > 0 and dark > DARK_SHARE):
        return (METAL,)
    if float((inside & (hu > BRIGHT_HU)).sum()) / whole > BRIGHT_SHARE:
        return (CEMENT,)
    return _lesions(hu, inside, stack.mm_per_pixel)


def _window(body: Body, stack: SagittalStack, reach: int) -> tuple[FloatArray, NDArray[np.bool_]]:
    """HU and the body's mask in its own box of the stack, widened by `reach` pixels where the stack goes on."""
    first = [max(0, at - reach) for at in body.corner]
    last = [at + n + reach for at, n in zip(body.corner, body.mask.shape[1:], strict=True)]
    hu = stack.hu[:, first[0] : last[0], first[1] : last[1]]
    inside = np.zeros(hu.shape, np.bool_)
    row, col = (at - start for at, start in zip(body.corner, first, strict=True))
    part = inside[:, row : row + body.mask.shape[1], col : col + body.mask.shape[2]]
    part |= body.mask[:, : part.shape[1], : part.shape[2]] > 0.5
    return hu, inside


def _lesions(hu: FloatArray, inside: NDArray[np.bool_], mm_per_pixel: float) -> tuple[str, ...]:
    plane = len(hu) // 2
    core = ndi.binary_erosion(inside[plane], iterations=max(1, round(RIM_MM / mm_per_pixel)))
    if not core.any():
        return ()
    smooth = ndi.gaussian_filter(hu[plane - 1 : plane + 2].mean(axis=0), 1.5 / mm_per_pixel)
    usual = float(np.median(smooth[core]))
    found = {
        Mimic.SCLEROTIC_LESION: core & (smooth > max(DENSE_HU, usual + DENSE_MORE)),
        Mimic.LYTIC_LESION: core & (smooth < min(HOLLOW_HU, usual - HOLLOW_LESS)),
    }
    return tuple(kind.value for kind, patch in found.items() if _largest(patch) * mm_per_pixel**2 >= LESION_MM2)


def _largest(patch: NDArray[np.bool_]) -> int:
    pieces, count = ndi.label(patch)
    return int(np.bincount(pieces.ravel())[1:].max()) if count else 0
