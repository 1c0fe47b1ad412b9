"""Tube voltage and contrast as the headers of one CT image state them.

Sources: KVP, CT Image module PS3.3 C.8.2.1 and CT X-Ray Details macro C.8.15.3.9; ContrastBolusAgent, Contrast/Bolus
module C.7.6.4, and ContrastBolusAgentSequence, Enhanced Contrast/Bolus module C.7.6.4b.
"""

import re
from collections.abc import Sequence

from pydicom.dataset import Dataset

from vfx_finder.dicom.geometry import frame_macro
from vfx_finder.dicom.headers import text
from vfx_finder.domain.bone_density import Contrast, Exposure

_PLAUSIBLE_KVP = (40.0, 200.0)
_NONE_GIVEN = re.compile(r"(no|none|non|without|native|nativ|unenhanced|n)\b.{0,20}", re.IGNORECASE)
_BY_VEIN = re.compile(r"\b(iv|i\.v\.|intravenous|intra-?arterial|ia)\b", re.IGNORECASE)
_BY_MOUTH = re.compile(r"oral|rectal|by mouth|enema", re.IGNORECASE)


def exposure_of(dataset: Dataset) -> Exposure:
    """Voltage (kV) and contrast of one image, unknown where its headers do not say."""
    return Exposure(_kvp(text(frame_macro(dataset, 0, "CTXRayDetailsSequence"), "KVP")), _contrast(dataset))


def exposure_of_series(images: Sequence[Exposure]) -> Exposure:
    """What the images of one series agree on: one voltage or none; contrast where any image states it."""
    voltages = {image.kvp for image in images}
    stated = {image.contrast for image in images}
    contrast = next((said for said in (Contrast.YES, Contrast.NO) if said in stated), Contrast.UNKNOWN)
    if contrast is Contrast.NO and stated != {Contrast.NO}:
        contrast = Contrast.UNKNOWN
    return Exposure(voltages.pop() if len(voltages) == 1 else None, contrast)


def _kvp(value: str) -> float | None:
    try:
        kilovolts = float(value.split("\\", maxsplit=1)[0])
    except ValueError:
        return None
    low, high = _PLAUSIBLE_KVP
    return kilovolts if low <= kilovolts <= high else None


def _contrast(dataset: Dataset) -> Contrast:
    """Yes where an agent is named that goes into the veins, no only where the header says none was given.

    The module is left out by scanners that know of no injection, and by those that were never told: its absence says
    nothing. Contrast by mouth does not reach bone.
    """
    agent = text(dataset, "ContrastBolusAgent")
    if agent:
        return _of_agent(agent, text(dataset, "ContrastBolusRoute"))
    return Contrast.YES if dataset.get("ContrastBolusAgentSequence") else Contrast.UNKNOWN


def _of_agent(agent: str, way: str) -> Contrast:
    if _NONE_GIVEN.fullmatch(agent):
        return Contrast.NO
    said = f"{agent} {way}"
    only_by_mouth = _BY_MOUTH.search(said) and not _BY_VEIN.search(said)
    return Contrast.UNKNOWN if only_by_mouth else Contrast.YES
