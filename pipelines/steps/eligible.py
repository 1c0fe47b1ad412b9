"""Whether one series is a CT volume that can be analysed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.steps.stack import MAX_SLICE_MM, Slice, Stack, arrange
from vfx_finder.dicom.exposure import exposure_of_series
from vfx_finder.dicom.images import ImageFacts
from vfx_finder.domain.bone_density import NOT_STATED, Exposure
from vfx_finder.domain.study import Reason, Unsuitable

MIN_SLICES = 10
MIN_LENGTH_MM = 60.0
"""Below this not even two whole lumbar vertebrae with their discs can be in view. (House decision.)"""

MIN_AXIAL_COSINE = 0.85
"""Slices tilted by up to 32 degrees against the patient's axis count as axial: gantries tilt by at most 30."""

_XRAY = frozenset({"CR", "DX", "RG", "DR"})
_REFORMATTED = frozenset({"MPR", "REFORMATTED", "CPR", "CSA MPR", "MIP", "MINIP", "PROJECTION IMAGE", "VRT", "SSD",
                          "3D", "RENDERING"})  # fmt: skip
_DOSE = re.compile(r"dose\b|patient protocol|exam protocol|screen ?save|summary", re.IGNORECASE)
_SCOUT = re.compile(r"scout|topogram|localizer|localiser|surview|scanogram", re.IGNORECASE)
_DOSE_MAX_IMAGES = 10
_HU_TYPES = frozenset({"", "HU", "HU_MOD", "US"})
"""RescaleType values taken for HU (PS3.3 C.11.1.1.2); US means unspecified and is what several scanners write."""


@dataclass(frozen=True)
class CtSeries:
    """One CT series that can be analysed, its slices in order."""

    uid: str
    description: str
    kernel: str
    derived: bool
    number: int
    stack: Stack
    exposure: Exposure = NOT_STATED

    def describe(self) -> str:
        """Slice count, spacing, kernel and length in a few words, without any identifier."""
        kernel = f", kernel {self.kernel}" if self.kernel else ""
        stack = self.stack
        return f"{len(stack.slices)} slices every {stack.slice_mm:.1f} mm{kernel}, {stack.length_mm:.0f} mm"

    def ends_mm(self) -> tuple[float, float]:
        """Lowest and highest place along the patient's axis (LPS z, mm)."""
        z = [item.plane.position[2] for item in (self.stack.slices[0], self.stack.slices[-1])]
        return min(z), max(z)

    def beyond_mm(self, other: "CtSeries") -> float:
        """How many mm of the body's length are in this series and not in the other."""
        low, high = self.ends_mm()
        other_low, other_high = other.ends_mm()
        overlap = max(0.0, min(high, other_high) - max(low, other_low))
        return (high - low) - overlap if (high - low) - overlap > 2 * MAX_SLICE_MM else 0.0


def examine(images: Sequence[ImageFacts]) -> CtSeries | Unsuitable:
    """The series as a volume in waiting, or the first reason, in a fixed order, why it is not analysed."""
    for check in (_modality, _localizer, _dose_screen, _not_grey, _derived, _no_geometry, _not_axial, _not_hounsfield,
                  _too_few):  # fmt: skip
        why = check(images)
        if why:
            return why
    stack = arrange([_slice(image, frame) for image in images for frame in range(len(image.planes))])
    return stack if isinstance(stack, Unsuitable) else _long_enough(images, stack)


Check = Callable[[Sequence[ImageFacts]], Unsuitable | None]


def _slice(image: ImageFacts, frame: int) -> Slice:
    return Slice(image.path, image.planes[frame], image.acquisition, image.header.SOPInstanceUID)


def _most(images: Sequence[ImageFacts], test: Callable[[ImageFacts], bool]) -> bool:
    return sum(map(test, images)) * 2 > len(images)


def _frames(images: Sequence[ImageFacts]) -> int:
    return sum(max(1, len(image.planes)) for image in images)


def _modality(images: Sequence[ImageFacts]) -> Unsuitable | None:
    modality = images[0].header.Modality
    if modality in _XRAY:
        return Unsuitable(Reason.NO_XRAY_MODEL, "Radiographs are kept; no X-ray model is installed.")
    if modality != "CT":
        return Unsuitable(Reason.MODALITY, f"Modality {modality or 'unknown'} is not analysed.")
    return None


def _localizer(images: Sequence[ImageFacts]) -> Unsuitable | None:
    by_type = _most(images, lambda image: "LOCALIZER" in image.image_type)
    by_name = len(images) < MIN_SLICES and bool(_SCOUT.search(images[0].header.SeriesDescription))
    return Unsuitable(Reason.LOCALIZER, "A planning radiograph of the scanner.") if by_type or by_name else None


def _dose_screen(images: Sequence[ImageFacts]) -> Unsuitable | None:
    by_type = _most(images, lambda image: "SCREEN SAVE" in image.image_type)
    few = _frames(images) <= _DOSE_MAX_IMAGES
    by_name = few and bool(_DOSE.search(images[0].header.SeriesDescription))
    return Unsuitable(Reason.DOSE_SCREEN, "A screen of the scanner, not an image.") if by_type or by_name else None


def _not_grey(images: Sequence[ImageFacts]) -> Unsuitable | None:
    if _most(images, lambda image: not image.grey):
        return Unsuitable(Reason.DERIVED, "Colour images, not Hounsfield units.")
    return None


def _is_derived(image: ImageFacts) -> bool:
    return image.image_type[:1] == ("DERIVED",)


def _derived(images: Sequence[ImageFacts]) -> Unsuitable | None:
    """DERIVED axial PRIMARY images stay: lossy compression alone makes an image DERIVED (PS3.3 C.7.6.1.1.2)."""
    if _most(images, lambda image: _is_derived(image) and bool(_REFORMATTED & set(image.image_type))):
        return Unsuitable(Reason.REFORMAT, f"A reformatted series ({_type_of(images)}).")
    if _most(images, lambda image: _is_derived(image) and "PRIMARY" not in image.image_type):
        return Unsuitable(Reason.DERIVED, f"Made from other images ({_type_of(images)}).")
    return None


def _type_of(images: Sequence[ImageFacts]) -> str:
    return "/".join(images[0].image_type)


def _no_geometry(images: Sequence[ImageFacts]) -> Unsuitable | None:
    without = sum(not image.planes for image in images)
    if without * 2 >= len(images):
        return Unsuitable(Reason.NO_GEOMETRY, f"{without} of {len(images)} images do not say where they lie.")
    return None


def _is_axial(image: ImageFacts) -> bool:
    return bool(image.planes) and abs(image.planes[0].normal[2]) >= MIN_AXIAL_COSINE


def _not_axial(images: Sequence[ImageFacts]) -> Unsuitable | None:
    if not _most(images, _is_axial):
        return Unsuitable(Reason.REFORMAT, "The slices are not axial.")
    return None


def _not_hounsfield(images: Sequence[ImageFacts]) -> Unsuitable | None:
    if _most(images, lambda image: not image.has_rescale or image.rescale_type not in _HU_TYPES):
        unit = images[0].rescale_type or "no rescale"
        return Unsuitable(Reason.NOT_HOUNSFIELD, f"Values are not Hounsfield units ({unit}).")
    return None


def _too_few(images: Sequence[ImageFacts]) -> Unsuitable | None:
    frames = _frames(images)
    if frames < MIN_SLICES:
        return Unsuitable(Reason.TOO_FEW_SLICES, f"{frames} slices; at least {MIN_SLICES} are needed.")
    return None


def _long_enough(images: Sequence[ImageFacts], stack: Stack) -> CtSeries | Unsuitable:
    thickness = float(np.median([image.thickness_mm for image in images]))
    if thickness > MAX_SLICE_MM:
        return Unsuitable(Reason.SLICES_TOO_THICK, f"Slices are {thickness:.1f} mm thick; at most {MAX_SLICE_MM:g} mm.")
    if len(stack.slices) < MIN_SLICES:
        return Unsuitable(Reason.TOO_FEW_SLICES, f"{len(stack.slices)} slices; at least {MIN_SLICES} are needed.")
    if stack.length_mm < MIN_LENGTH_MM:
        return Unsuitable(Reason.TOO_SHORT, f"{stack.length_mm:.0f} mm of the body; at least {MIN_LENGTH_MM:g} mm.")
    first = images[0]
    return CtSeries(
        uid=first.header.SeriesInstanceUID,
        description=first.header.SeriesDescription,
        kernel=first.kernel,
        derived=_most(images, _is_derived),
        number=first.series_number,
        stack=stack,
        exposure=exposure_of_series([image.exposure for image in images]),
    )
