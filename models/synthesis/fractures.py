"""What happens to a vertebral body: fractures with known loss, and the look-alikes that are no fractures."""

from dataclasses import replace

import numpy as np

from models.synthesis.shapes import BodyShape, EndPlate

KINDS = ("wedge", "biconcave", "crush", "upper", "lower")
_PROFILE = {  # drop at the anterior rim, the middle, the posterior rim, as a share of the loss
    "wedge": (1.0, 0.65, 0.05),
    "biconcave": (0.15, 1.0, 0.1),
    "crush": (1.0, 1.0, 0.85),
    "upper": (0.7, 1.0, 0.1),
    "lower": (0.7, 1.0, 0.1),
}
_UPPER_SHARE = {
    "wedge": (0.6, 1.0),
    "biconcave": (0.4, 0.7),
    "crush": (0.4, 0.9),
    "upper": (1.0, 1.0),
    "lower": (0.0, 0.0),
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


def schmorl_node(shape: BodyShape, rng: np.random.Generator) -> BodyShape:
    """The body with a rounded pit in one end-plate (Schmorl node): a look-alike, no fracture."""
    pit = (
        float(rng.normal(0, shape.width / 8)),
        float(rng.normal(0, shape.depth / 8)),
        float(rng.uniform(3.5, 8)),
        float(rng.uniform(2, 6)),
    )
    side = "upper" if rng.random() < 0.5 else "lower"
    plate: EndPlate = replace(getattr(shape, side), pit=pit)
    return replace(shape, upper=plate) if side == "upper" else replace(shape, lower=plate)


def cupids_bow(shape: BodyShape, rng: np.random.Generator) -> BodyShape:
    """The body with a smooth posterior dish in its lower end-plate (Cupid's bow): a look-alike, no fracture."""
    lower = replace(shape.lower, concavity=shape.lower.concavity + float(rng.uniform(1, 3)), centre_y=0.15)
    return replace(shape, lower=lower)


def osteophytes(shape: BodyShape, rng: np.random.Generator) -> BodyShape:
    """The body with lipping of both rims (spondylosis)."""
    return replace(shape, lip=float(rng.uniform(0.05, 0.18)))
