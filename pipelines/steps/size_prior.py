"""How large a vertebral body usually is on the mid-sagittal section, level by level.

Depth times mean height of the expert masks VerSe 004 and 009 (Loeffler et al. 2020, Sekuboyina et al. 2021,
CC BY-SA 4.0), smoothed over levels; Panjabi 1991/92 for the neck, where neither mask reaches. Only tells regions of
the spine apart (a lumbar body is four times a cervical one); never used to grade.
"""

from vfx_finder.domain.spine import Level

_AREA_MM2 = {
    "C1": 120, "C2": 230, "C3": 210, "C4": 208, "C5": 208, "C6": 218, "C7": 245, "T1": 275, "T2": 315, "T3": 360,
    "T4": 405, "T5": 445, "T6": 490, "T7": 540, "T8": 585, "T9": 630, "T10": 670, "T11": 710, "T12": 760, "T13": 790,
    "L1": 810, "L2": 880, "L3": 910, "L4": 920, "L5": 890, "L6": 890, "S1": 700,
}  # fmt: skip


def mid_sagittal_area(level: Level) -> float:
    """Usual mid-sagittal area (mm2) of the body of a level."""
    return float(_AREA_MM2[level.value])
