"""The operating point that is set, with what the installed model was measured at there."""

from collections.abc import Mapping
from typing import Any

from vfx_finder.config import Settings
from vfx_finder.domain.operating_point import ON_FILMS, OPERATING_POINTS, Measured, OperatingPoint


def chosen(settings: Settings) -> OperatingPoint:
    """The point of `VFX_OPERATING_POINT`; `measured` comes from the model card (key "operating_points")."""
    return measured_points()[settings.operating_point]


def measured_points() -> dict[str, OperatingPoint]:
    """Every operating point by name, each with its measurement on the card of the CT model, if there is one."""
    from models import catalogue

    measured = _measured(catalogue.card("ct_spine"))
    return {name: point.with_measured(measured.get(name)) for name, point in OPERATING_POINTS.items()}


def on_films() -> OperatingPoint:
    """What decides on films, with its measurement on the card of their model, if there is one."""
    from models import catalogue

    return ON_FILMS.with_measured(_measured(catalogue.card("xray_spine")).get(ON_FILMS.name))


def _measured(card: Mapping[str, Any]) -> dict[str, Measured]:
    return {name: Measured(**row) for name, row in card.get("operating_points", {}).items()}
