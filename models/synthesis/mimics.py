"""Look-alikes: shapes that are no osteoporotic fractures but get taken for one, each under its clinical name."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from models.synthesis.norms import LevelNorm
from models.synthesis.shapes import BodyShape, EndPlate

SCHEUERMANN_LEVELS = ("T6", "T7", "T8", "T9", "T10", "T11", "T12")
"""Where Scheuermann's disease is commonest: the lower thoracic spine, three and more adjacent vertebrae
(Sorensen 1964: each wedged by 5 degrees or more)."""


def mimic_for(norm: LevelNorm, rng: np.random.Generator) -> str:
    """A look-alike that this level is known for, by chance."""
    kinds = ["schmorl-node", "osteophytes", "short-vertebral-height", "limbus", *INCLUSIONS]
    if norm.name in ("L3", "L4", "L5"):
        kinds += ["cupids-bow", "cupids-bow"]
    if norm.name in ("T8", "T9", "T10", "T11", "T12", "L1"):
        kinds += ["physiological-wedge", "physiological-wedge"]
    return str(rng.choice(kinds))


INCLUSIONS = ("haemangioma", "sclerotic-lesion", "lytic-lesion", "cement")
"""Look-alikes by what is inside a body, not by its shape (`models.synthesis.inclusions`)."""


def shaped(shape: BodyShape, mimic: str, rng: np.random.Generator) -> BodyShape:
    """The body as this look-alike shapes it; unchanged for those that are only inside it."""
    if mimic in INCLUSIONS:
        return shape
    return _SHAPERS[mimic](shape, rng)


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


def limbus(shape: BodyShape, rng: np.random.Generator) -> BodyShape:
    """The body without its front upper corner (limbus vertebra: the ring apophysis never fused)."""
    chip = (float(rng.uniform(0.12, 0.28)), float(rng.uniform(2, 6)))
    return replace(shape, upper=replace(shape.upper, chip=chip))


def wedged(shape: BodyShape, share: float) -> BodyShape:
    """The body with its front lower by `share`, end-plates straight."""
    upper, lower = (replace(plate, anterior=plate.anterior * (1 - share)) for plate in (shape.upper, shape.lower))
    return replace(shape, upper=upper, lower=lower)


def scheuermann(shape: BodyShape, rng: np.random.Generator) -> BodyShape:
    """One body of a Scheuermann spine: wedged by 5 degrees and more, its end-plates irregular."""
    least = np.tan(np.radians(5.0)) * shape.depth / (shape.upper.anterior + shape.lower.anterior)
    rough = wedged(shape, float(least * rng.uniform(1.0, 1.5)))

    def plate(one: EndPlate) -> EndPlate:
        return replace(one, wave=(float(rng.uniform(0.6, 1.4)), float(rng.uniform(0, 6.3)), float(rng.uniform(8, 16))))

    rough = replace(rough, upper=plate(rough.upper), lower=plate(rough.lower), depth=shape.depth * 1.05)
    return schmorl_node(rough, rng) if rng.random() < 0.4 else rough


def squash(shape: BodyShape, factor: float) -> BodyShape:
    """The body uniformly lower by `factor`, its end-plates intact."""

    def lower_plate(plate: EndPlate) -> EndPlate:
        return replace(
            plate,
            anterior=plate.anterior * factor,
            posterior=plate.posterior * factor,
            concavity=plate.concavity * factor,
        )

    return replace(shape, upper=lower_plate(shape.upper), lower=lower_plate(shape.lower))


_SHAPERS: dict[str, Callable[[BodyShape, np.random.Generator], BodyShape]] = {
    "schmorl-node": schmorl_node,
    "cupids-bow": cupids_bow,
    "osteophytes": osteophytes,
    "limbus": limbus,
    "scheuermann": scheuermann,
    "physiological-wedge": lambda shape, rng: wedged(shape, float(rng.uniform(0.04, 0.10))),
    "short-vertebral-height": lambda shape, rng: squash(shape, float(rng.uniform(0.85, 0.95))),
}
