"""One scaling of Hounsfield units for every network, in training and in use."""

from torch import Tensor

CENTRE_HU = 100.0
SCALE_HU = 400.0
LOW_HU, HIGH_HU = -500.0, 1700.0


def normalise(hu: Tensor) -> Tensor:
    """Hounsfield units, clipped to -500..1700, scaled to about -1.5..4."""
    return (hu.clamp(LOW_HU, HIGH_HU) - CENTRE_HU) / SCALE_HU
