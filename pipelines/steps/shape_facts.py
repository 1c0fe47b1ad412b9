"""What a vertebra is judged by, beside its severity: its shape, and how it differs from its neighbours.

The numbers that `ct_spine` says "broken" from (`models.trees`): which are asked, and why no others, is told in
docs/grading.md. All are lengths over lengths but three: slice and expected height in mm, wedging in degrees.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.likeness import Measured, pit_of, rise_of, sags_of, wedge_degrees
from pipelines.steps.section import DEPTH_FRACTIONS
from vfx_finder.domain import genant
from vfx_finder.domain.genant import GenantRule
from vfx_finder.domain.spine import Heights

Floats = NDArray[np.float64]

SPAN, MILD = 3.0, genant.RULE.mild
_OFFSETS = (-2, -1, 1, 2)

FACTS = (
    "severity", "own_loss", "expected_loss", "anterior_posterior", "middle_posterior", "middle_anterior",
    "level", "slice_mm", "depth_of_neighbours", "height_over_depth", "expected_height_mm", "neighbours",
    "severity_two_above", "severity_above", "severity_below", "severity_two_below",
    "severity_most", "severity_median", "severity_beyond_median", "own_loss_beyond_median", "share_mild", "rank",
    "sag_upper", "sag_lower", "sag_beyond_neighbours", "wedge_degrees", "wedge_of_neighbours",
    "sag_upper_at", "sag_lower_at", "rise_upper_mm", "rise_lower_mm", "pit_upper_mm", "pit_lower_mm",
)  # fmt: skip
"""The columns of `shape_facts`. `level` is `genant.POSITION`; `share_mild` and `rank` are of the whole chain: how many
lost a mild share of their height or more, and how many lost more than this one."""

RISING = frozenset({"severity", "own_loss", "expected_loss", "severity_beyond_median", "own_loss_beyond_median"})
"""Facts that may only raise the probability: more height lost is never less suspicious."""


@dataclass(frozen=True)
class _Body:
    """One measured vertebra: what is asked of it as itself and as a neighbour. `sizes`: its three heights in units of
    what is normal at its level; `sag`: the depth of both end-plates over its height."""

    measured: Measured
    position: float
    severity: float
    own: float
    expected: float
    sizes: Floats
    sag: float

    @property
    def heights(self) -> Heights:
        return self.measured.measure.heights


def shape_facts(chain: Sequence[Measured | None], slice_mm: float, rule: GenantRule = genant.RULE) -> Floats:
    """The facts [n, len(FACTS)] of each vertebra of a chain, head to foot; NaN where something is not known.

    `chain` holds None where a vertebra was not measured or is not to be trusted: its row is NaN, and it is nobody's
    neighbour. So is one of a level without a normal shape of its own (T13, L6, the neck). `slice_mm`: distance between
    acquired slices.
    """
    bodies = [_body(n, chain, rule) for n in range(len(chain))]
    rows = [
        np.full(len(FACTS), np.nan) if body is None else _facts(body, [one for one in bodies if one], slice_mm)
        for body in bodies
    ]
    return np.stack(rows) if rows else np.empty((0, len(FACTS)))


def _body(n: int, chain: Sequence[Measured | None], rule: GenantRule) -> _Body | None:
    one = chain[n]
    if one is None or one.level not in genant.NORMAL_SHAPE:
        return None
    others = {other.level: other.measure.heights for at, other in enumerate(chain) if other is not None and at != n}
    heights = one.measure.heights
    loss = genant.loss_of(one.level, heights, others, rule)
    sizes = _triple(heights) / np.array(genant.NORMAL_SHAPE[one.level])
    sag = sum(float(plate.max()) for plate in sags_of(one.measure)) / float(_triple(heights).mean())
    expected = np.nan if loss.expected is None else loss.expected
    position = genant.POSITION[one.level]
    return _Body(one, position, genant.severity(one.level, loss, rule), loss.own, expected, sizes, sag)


def _facts(body: _Body, bodies: Sequence[_Body], slice_mm: float) -> Floats:
    near = [one for one in bodies if one is not body and abs(one.position - body.position) <= SPAN]
    normal = float(np.mean(genant.NORMAL_SHAPE[body.measured.level]))
    size = float(np.median([one.sizes for one in near])) if near else float(body.sizes.max())
    height = size * normal
    return np.array(
        [
            *_own(body),
            *_circumstances(body, near, height, slice_mm),
            *_beside(body, bodies, near),
            *_course(body, near, height),
        ]
    )


def _own(body: _Body) -> list[float]:
    anterior, middle, posterior = _triple(body.heights)
    ratios = [anterior / posterior, middle / posterior, middle / anterior]
    return [body.severity, body.own, body.expected, *(float(ratio) for ratio in ratios)]


def _circumstances(body: _Body, near: Sequence[_Body], height: float, slice_mm: float) -> list[float]:
    depth = body.measured.measure.depth_mm
    usual = _median([one.measured.measure.depth_mm for one in near])
    return [body.position, slice_mm, depth / usual, height / depth, height, float(len(near))]


def _beside(body: _Body, bodies: Sequence[_Body], near: Sequence[_Body]) -> list[float]:
    at = {round(one.position - body.position): one.severity for one in bodies if one is not body}
    severities = [one.severity for one in near]
    usual = _median(severities)
    return [
        *(at.get(offset, np.nan) for offset in _OFFSETS),
        max(severities, default=np.nan),
        usual,
        body.severity - usual,
        body.own - _median([one.own for one in near]),
        float(np.mean([one.severity >= MILD for one in bodies])),
        float(sum(one.severity > body.severity for one in bodies)),
    ]


def _course(body: _Body, near: Sequence[_Body], height: float) -> list[float]:
    """The course of both end-plates, in shares of the height that is expected."""
    measure = body.measured.measure
    upper, lower = (plate / height for plate in sags_of(measure))
    wedges = [wedge_degrees(one.measured.measure) for one in near]
    return [
        float(upper.max()),
        float(lower.max()),
        float(upper.max() + lower.max()) - _median([one.sag for one in near]),
        wedge_degrees(measure),
        float(np.mean(wedges)) if wedges else np.nan,
        float(DEPTH_FRACTIONS[upper.argmax()]),
        float(DEPTH_FRACTIONS[lower.argmax()]),
        *(rise_of(plate) for plate in (measure.upper, -measure.lower)),
        *(pit_of(plate) for plate in (measure.upper, -measure.lower)),
    ]


def _triple(heights: Heights) -> Floats:
    return np.array([heights.anterior, heights.middle, heights.posterior])


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else np.nan
