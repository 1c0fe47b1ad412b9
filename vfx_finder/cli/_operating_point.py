"""The operating point that is set, with what the installed model was measured at there."""

from vfx_finder.config import Settings
from vfx_finder.domain.operating_point import OPERATING_POINTS, Measured, OperatingPoint


def chosen(settings: Settings) -> OperatingPoint:
    """The point of `VFX_OPERATING_POINT`; `measured` comes from the model card (key "operating_points")."""
    return measured_points()[settings.operating_point]


def measured_points() -> dict[str, OperatingPoint]:
    """Every operating point by name, each with its measurement on the card of the CT model, if there is one."""
    from models import catalogue

    card = catalogue.card("ct_spine").get("operating_points", {})
    measured = {name: Measured(**row) for name, row in card.items()}
    return {name: point.with_measured(measured.get(name)) for name, point in OPERATING_POINTS.items()}
