"""Synthetic patients from whom `ct_spine` learns which shapes are broken ones: like those of the frozen set, of another
seed, with more of what is hard: thick slices, and losses of the lower lumbar spine that no wedge shows."""

from dataclasses import replace

import numpy as np

from models.synthesis.spine import SpineOptions
from models.synthesis.validation import OPTIONS, PAIRED, Acquisition, Patient, patient

SEED = 20271111
FIRST = PAIRED + 1
"""The first of every seed are scanned three times, for a comparison of scans that teaches little."""

_THICKENED = 0.15
_ALSO_THICK = 4
"""Every so many patients are scanned at 5 mm as well: thick slices are where sound bodies are measured too low."""
_EVENLY_LOST = (8, 2)
"""Every eighth lumbar spine lost height evenly or behind, at one or two of these levels: chance draws few such. Of
these too every fourth is scanned at 5 mm as well: thickness must not tell which losses there are."""
_LOWER_LUMBAR = ("L2", "L3", "L4", "L5")
_LUMBAR_VIEWS = ("lumbar", "abdomen", "whole")


def shape_patient(number: int) -> Patient:
    """Patient `number` (from `FIRST`), who is scanned once or twice."""
    one = patient(number, SEED)
    rng = np.random.default_rng([SEED, number, 9])
    first = one.acquisitions[0]
    if first.slice_mm <= 3.0 and rng.random() < _THICKENED:
        first = replace(first, slice_mm=round(float(rng.uniform(3, 5)), 2))
    thick = (Acquisition("thick5", 5.0, "soft"),) if _is_also_thick(number) else ()
    return replace(one, acquisitions=(first, *thick))


def _is_also_thick(number: int) -> bool:
    """Whether a patient is scanned at 5 mm as well: every fourth of those with ordered losses, and of all others."""
    every, rest = _EVENLY_LOST
    return (number // every if number % every == rest else number) % _ALSO_THICK == 0


def shape_options(one: Patient) -> SpineOptions | None:
    """Ordered fractures for some lumbar spines, None (as the contents say) for all others."""
    every, rest = _EVENLY_LOST
    if one.number % every != rest or one.contents == "none" or one.view not in _LUMBAR_VIEWS:
        return None
    rng = np.random.default_rng([SEED, one.number, 10])
    levels = [str(one) for one in rng.choice(_LOWER_LUMBAR, int(rng.integers(1, 3)), replace=False)]
    lost = {level: (str(rng.choice(("crush", "posterior"))), float(rng.uniform(0.12, 0.45))) for level in levels}
    return replace(OPTIONS["normal"], fractures=lost)
