"""Chains of vertebral bodies at given places, without a picture: what the numbering step reads and nothing more."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pipelines.steps.facts import Body, SagittalStack
from pipelines.steps.spacing_prior import spacing
from vfx_finder.domain.spine import Level, Point3

Anchor = dict[str, float | bool | None]


def chain(points: Sequence[Point3], anchors: Sequence[Anchor] = ()) -> tuple[tuple[Body, ...], SagittalStack]:
    """Bodies whose centres lie at `points` (LPS mm, head to foot); `anchors[n]` holds what was seen at body n."""
    seen = anchors or [{}] * len(points)
    nothing = np.zeros((1, 1, 1), np.float32)
    bodies = tuple(
        Body(mask=nothing, corner=(0, 0), centre=(float(row), 0.0), score=1.0, **seen[row])  # type: ignore[arg-type]
        for row in range(len(points))
    )
    stack = SagittalStack(
        hu=nothing,
        body=nothing,
        offsets_mm=(0.0,),
        mm_per_pixel=1.0,
        row_lps=np.asarray(points, float),
        column_lps=np.array([0.0, 1.0, 0.0]),
        left_lps=np.array([1.0, 0.0, 0.0]),
    )
    return bodies, stack


def straight(levels: Sequence[Level], scale: float = 1.0) -> list[Point3]:
    """Centres of these levels one under the other, at the expected distances times `scale`."""
    heights = [0.0]
    for upper, lower in pairwise(levels):
        heights.append(heights[-1] - scale * spacing(upper, lower).mm)
    return [(0.0, 0.0, height) for height in heights]
