"""Which of several analysable series of a study is the best to measure vertebrae on.

The rule, a house decision in the absence of a published one:

1. A series that shows less than 80 % of the longest one is behind all that show more: vertebrae outside the field
   of view are lost, and no image quality brings them back.
2. Then the smallest cost in mm of blur: the distance between slices (1 mm is good enough), plus 2 mm for a sharp
   (lung, bone) kernel, whose noise and edge enhancement inflate height loss, plus 1 mm for DERIVED images.
3. Then the longer one, then the lower SeriesNumber.
"""

import re
from collections.abc import Sequence

from pipelines.steps.eligible import CtSeries

_ENOUGH_OF_LONGEST = 0.8
_FINE_MM = 1.0
_SHARP_MM = 2.0
_DERIVED_MM = 1.0

_SHARP_NAMES = frozenset({"LUNG", "BONE", "BONEPLUS", "EDGE", "DETAIL", "ULTRA", "D", "E", "L", "YC", "YD", "YE"})
_SIEMENS = re.compile(r"^[A-Z]{1,2}(\d{2})[A-Z]?$")
_SIEMENS_SHARP = 50
_CANON = re.compile(r"^FC(\d{2})")
_CANON_SHARP = 30
_NAMED_SHARP = re.compile(r"\b(lung|bone|sharp|lunge|knochen)\b", re.IGNORECASE)


def best_first(series: Sequence[CtSeries]) -> list[CtSeries]:
    """The series in order of preference, best first."""
    longest = max((item.stack.length_mm for item in series), default=0.0)
    return sorted(series, key=lambda item: _preference(item, longest))


def is_sharp(kernel: str, description: str = "") -> bool:
    """Whether a kernel is edge enhancing, from the names the vendors use; by SeriesDescription where none is given."""
    name = kernel.upper().strip()
    if not name:
        return bool(_NAMED_SHARP.search(description))
    canon = _CANON.match(name)
    if canon:
        return int(canon.group(1)) >= _CANON_SHARP
    siemens = _SIEMENS.match(name)
    if siemens:
        return int(siemens.group(1)) >= _SIEMENS_SHARP
    return name in _SHARP_NAMES


def _preference(item: CtSeries, longest: float) -> tuple[bool, float, float, int]:
    too_short = item.stack.length_mm < _ENOUGH_OF_LONGEST * longest
    cost = max(item.stack.slice_mm, _FINE_MM)
    cost += _SHARP_MM * is_sharp(item.kernel, item.description) + _DERIVED_MM * item.derived
    return too_short, round(cost, 2), -item.stack.length_mm, item.number
