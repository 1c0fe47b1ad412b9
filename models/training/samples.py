"""Endless synthetic samples in a fixed order: sample number n depends on the seed and n alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from models.synthesis.blocks import draw_block
from models.synthesis.looks import draw_look
from models.synthesis.sections import draw_section
from models.synthesis.spine import SpineOptions
from models.synthesis.trunk import draw_trunk

PER_TRUNK = {"section": 4, "look": 5, "block": 2}
DRAW = {"section": draw_section, "look": draw_look, "block": draw_block}
Sample = dict[str, Tensor]


@dataclass(frozen=True)
class Task:
    """What is drawn, for which network: "section" (fine), "look" (second look) or "block" (coarse); from which seed,
    starting where."""

    kind: str
    seed: int
    start: int = 0


def draw_samples(task: Task, number: int) -> list[Sample]:
    """The samples of trunk `number`: image (HU), and the kind's own targets, as half floats."""
    rng = np.random.default_rng([task.seed, number])
    options = SpineOptions(scoliosis_deg=float(rng.choice([3.0, 8.0, 18.0], p=[0.5, 0.35, 0.15])))
    trunk = draw_trunk(rng, options)
    drawn = [DRAW[task.kind](trunk, rng) for _ in range(PER_TRUNK[task.kind])]
    return [{k: v.half() for k, v in vars(one).items()} for one in drawn]


class Stream(IterableDataset[Sample]):
    """The samples of a task, one after another, shared out among the loader's workers."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def __iter__(self) -> Iterator[Sample]:
        torch.set_num_threads(1)
        worker = get_worker_info()
        step = worker.num_workers if worker else 1
        number = self.task.start + (worker.id if worker else 0)
        while True:
            yield from draw_samples(self.task, number)
            number += step
