"""The charts of a set of films: what was found and named by level, and where grades are known what was suspected."""

from collections.abc import Mapping

from pipelines.evaluation.charts import (
    SIDE,
    WIDE,
    Chart,
    Mark,
    Point,
    reliability_chart,
    roc_chart,
    shares_chart,
)
from pipelines.evaluation.film_parts import FilmCurves, PartScore

_ROC = "Sensitivity against 1 - specificity"
_INTERVALS = "Lines are 95 % intervals; under each level its n."


def film_charts(curves: FilmCurves, levels: Mapping[str, PartScore], parts: Mapping[str, PartScore]) -> list[Chart]:
    """The charts that these films allow; no curve where no grade is known or only one kind is there."""
    found = {level: score.found for level, score in levels.items()}
    right = {level: score.level_right for level, score in levels.items()}
    suspected = {part: score.fractures_suspected for part, score in parts.items()}
    drawn = (
        roc_chart(
            f"ROC by vertebra, grade 2 and above (n {curves.vertebrae})",
            f"{_ROC} of bodies found and judged; the dot is what was suspected.",
            curves.roc_vertebra,
            _mark(curves.suspected_vertebra),
        ),
        roc_chart(
            f"ROC by film, grade 2 and above (n {curves.films})",
            f"{_ROC}, by the most suspected body; a refused film is not suspected.",
            curves.roc_film,
            _mark(curves.suspected_film),
        ),
        reliability_chart("Reliability of the probability", curves.reliability),
        shares_chart("Fractures suspected by part", "Of grade 2 and above in view, T4 to L5.", suspected, SIDE),
        shares_chart("Bodies found by level", _INTERVALS, found, WIDE),
        shares_chart("Level right of those found", _INTERVALS, right, WIDE),
    )
    return [chart for chart in drawn if chart]


def _mark(point: Point | None) -> list[Mark]:
    if point is None:
        return []
    return [Mark("suspected", point, f"sensitivity {point[1]:.3f}, specificity {1 - point[0]:.3f}")]
