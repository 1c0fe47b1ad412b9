"""How probable grade 2 or 3 is by the shape of each vertebra of a spine."""

from collections.abc import Callable, Sequence

import numpy as np

from pipelines.steps.judge import Circumstances, may_be_asked
from pipelines.steps.likeness import Measured
from pipelines.steps.measure import BodyMeasure
from pipelines.steps.shape_facts import Floats, shape_facts
from vfx_finder.domain.spine import Vertebra


def broken_by_shape(
    vertebrae: Sequence[Vertebra],
    measures: Sequence[BodyMeasure | None],
    about: Circumstances,
    says: Callable[[Floats], Floats],
) -> list[float | None]:
    """The probability (0..1) of grade 2 or 3 of each vertebra, head to foot; None where its shape says nothing.

    `says` gives the probability [n] for the facts [n, len(FACTS)] of `shape_facts`.
    """
    chain = [
        Measured(vertebra.level.level, measure) if measure and may_be_asked(vertebra) else None
        for vertebra, measure in zip(vertebrae, measures, strict=True)
    ]
    facts = shape_facts(chain, about.slice_mm, about.rule)
    said = np.where(np.isnan(facts[:, 0]), np.nan, says(facts))
    return [None if np.isnan(one) else float(one) for one in said]
