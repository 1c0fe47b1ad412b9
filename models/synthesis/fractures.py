"""What osteoporosis does to a vertebral body: fractures of every kind with known loss."""

from dataclasses import replace

import numpy as np

from models.synthesis.shapes import BodyShape

KINDS = ("wedge", "biconcave", "crush", "upper", "lower")
"""What chance draws; "posterior" is drawn by order alone."""
_PROFILE = {  # drop at the anterior rim, the middle, the posterior rim, as a share of the loss
    "wedge": (1.0, 0.65, 0.05),
    "biconcave": (0.15, 1.0, 0.1),
    "crush": (1.0, 1.0, 0.85),
    "upper": (0.7, 1.0, 0.1),
    "lower": (0.7, 1.0, 0.1),
    "posterior": (0.3, 0.8, 1.0),
}
_UPPER_SHARE = {
    "wedge": (0.6, 1.0),
    "biconcave": (0.4, 0.7),
    "crush": (0.4, 0.9),
    "upper": (1.0, 1.0),
    "lower": (0.0, 0.0),
    "posterior": (0.3, 0.7),
}


def fracture(shape: BodyShape, kind: str, loss: float, rng: np.random.Generator) -> BodyShape:
    """The body with a fracture of `kind` that takes `loss` (0..0.7 of its posterior height) at its worst place."""
    height = shape.upper.posterior + shape.lower.posterior
    jitter = rng.uniform(0.85, 1.15, 3)
    drop = np.array(_PROFILE[kind]) * jitter * loss * height
    share = rng.uniform(*_UPPER_SHARE[kind])
    a, m, p = (float(v) for v in drop)
    upper = replace(shape.upper, loss=(a * share, m * share, p * share))
    lower = replace(shape.lower, loss=(a * (1 - share), m * (1 - share), p * (1 - share)))
    bulge = 1 + (0.10 * loss / 0.4 if kind in ("crush", "wedge") else 0.0)
    return replace(shape, upper=upper, lower=lower, depth=shape.depth * bulge, waist=shape.waist * (1 - loss))
