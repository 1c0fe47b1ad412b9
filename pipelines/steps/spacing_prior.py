"""How far apart the centres of neighbouring vertebral bodies are, by level.

Derived from the body centres of 1,576 of the 1,947 CT scans of VID (Buergin, Prevost, Stollenga 2023, "Robust vertebra
identification using simultaneous node and edge predicting Graph Neural Networks", ImFusion; CC BY-SA 4.0; scans of
VerSe, CT Colonography and Pancreas-CT); every fifth scan was kept apart for checking. Medians in mm of the distance in
space after the patient's own scale was taken out; SD of its natural logarithm, extreme values cut at 3 SD, widened by
a third so that the stated probabilities are right on the scans kept apart.
"""

from dataclasses import dataclass

from vfx_finder.domain.spine import Level


@dataclass(frozen=True)
class Spacing:
    """Median distance between two neighbouring body centres (mm) and the SD of its natural logarithm."""

    mm: float
    log_sd: float


PATIENT_SCALE_LOG_SD = 0.067
"""SD between patients of the logarithm of their common scale."""

WIDENED = 1.3

_MEASURED: tuple[tuple[Level, float, float], ...] = (
    (Level.C2, 23.7, 0.068),
    (Level.C3, 17.2, 0.046),
    (Level.C4, 16.7, 0.046),
    (Level.C5, 16.5, 0.078),
    (Level.C6, 17.4, 0.083),
    (Level.C7, 19.4, 0.051),
    (Level.T1, 20.5, 0.043),
    (Level.T2, 20.9, 0.037),
    (Level.T3, 21.0, 0.030),
    (Level.T4, 21.6, 0.031),
    (Level.T5, 22.1, 0.032),
    (Level.T6, 22.6, 0.036),
    (Level.T7, 23.2, 0.038),
    (Level.T8, 23.9, 0.047),
    (Level.T9, 25.2, 0.047),
    (Level.T10, 27.3, 0.045),
    (Level.T11, 29.6, 0.044),
    (Level.T12, 32.4, 0.041),
    (Level.L1, 34.6, 0.038),
    (Level.L2, 35.9, 0.043),
    (Level.L3, 36.7, 0.041),
    (Level.L4, 36.5, 0.055),
    (Level.L5, 36.6, 0.054),
)
"""Upper level of the pair, median, SD before widening. The last row, L5 to L6, rests on 40 scans."""

_SACRAL = Spacing(34.0, 0.15)
"""Last lumbar body to S1: VID has no sacrum, so this is an assumption, wide enough to say little."""

_BETWEEN: dict[Level, Spacing] = {upper: Spacing(mm, WIDENED * sd) for upper, mm, sd in _MEASURED}

_UNUSUAL: dict[tuple[Level, Level], Spacing] = {
    (Level.T11, Level.L1): Spacing(31.0, 0.08),
    (Level.T12, Level.T13): Spacing(31.0, 0.08),
    (Level.T13, Level.L1): Spacing(33.0, 0.08),
}
"""Thoracic counts of eleven and thirteen: between the measured neighbours, by assumption."""


def spacing(upper: Level, lower: Level) -> Spacing:
    """Expected distance between the centres of two bodies that touch the same disc in some spine."""
    if lower is Level.S1:
        return _SACRAL
    return _UNUSUAL.get((upper, lower)) or _BETWEEN[upper]
