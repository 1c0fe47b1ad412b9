"""Endless synthetic samples in a fixed order: sample number n depends on the seed and n alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from models.synthesis.blocks import draw_block
from models.synthesis.film import Film, draw_film
from models.synthesis.film_detector import Exposed
from models.synthesis.film_looks import FilmLook, draw_film_look, whole_picture
from models.synthesis.film_samples import Strip, Whole, draw_strip, draw_whole, expose
from models.synthesis.film_views import draw_views
from models.synthesis.kinds import draw_crops
from models.synthesis.looks import draw_look
from models.synthesis.sections import draw_section
from models.synthesis.spine import SpineOptions
from models.synthesis.trunk import Trunk, draw_trunk

PER_TRUNK = {"section": 4, "look": 5, "block": 2, "kind": 64, "film": 18, "strip": 36, "close": 48, "view": 14}
DRAW = {"section": draw_section, "look": draw_look, "block": draw_block}
DRAW_FROM_FILM: dict[str, Callable[[Exposed, np.random.Generator], Whole | Strip]] = {
    "film": draw_whole,
    "strip": draw_strip,
}
FROM_FILMS = frozenset({*DRAW_FROM_FILM, "close"})
EXPOSURES = 6
"""Each film is exposed so many times; its samples are shared out among them."""
FRONTAL_RATE = {"film": 0.3, "close": 0.08}
_ORDER = {"film": 1, "strip": 2, "close": 3}
VARIANTS = 0.3
"""Share of spines with unusual counts where kinds are learned: what is seen shall count, not what is usual."""
Sample = dict[str, Tensor]


_FILM_SPINES = {
    "chance": SpineOptions(),
    "fractures": SpineOptions(fracture_rate=0.32, mimic_rate=0.1),
    "mimics": SpineOptions(fracture_rate=0.0, mimic_rate=0.35, scheuermann_rate=0.12, bridging_rate=0.12),
}


@dataclass(frozen=True)
class Task:
    """What is drawn, for which network: "section" (fine), "look" (second look), "block" (coarse), "kind", "film"
    (whole films) or "strip" (windows along the spine on them); from which seed, starting where. `films`: a folder where
    projected films are kept for the next time they are asked for."""

    kind: str
    seed: int
    start: int = 0
    films: Path | None = None


def draw_samples(task: Task, number: int) -> list[Sample]:
    """The samples of trunk `number`: image (HU), and the kind's own targets, as half floats."""
    rng = np.random.default_rng([task.seed, number])
    if task.kind in FROM_FILMS:
        return _film_samples(task, number)
    if task.kind == "view":
        side, front = (synthetic_film(task, number, frontal=frontal) for frontal in (False, True))
        return [{k: v.half() for k, v in vars(one).items()} for one in draw_views(side, front, rng)]
    curve = float(rng.choice([3.0, 8.0, 18.0], p=[0.5, 0.35, 0.15]))
    if task.kind == "kind":
        return _crops(draw_trunk(rng, SpineOptions(scoliosis_deg=curve, variant_rate=VARIANTS)), rng)
    trunk = draw_trunk(rng, SpineOptions(scoliosis_deg=curve))
    drawn = [DRAW[task.kind](trunk, rng) for _ in range(PER_TRUNK[task.kind])]
    return [{k: v.half() for k, v in vars(one).items()} for one in drawn]


def _crops(trunk: Trunk, rng: np.random.Generator) -> list[Sample]:
    """The crops of a trunk, shuffled: one batch shall not hold one vertebra alone."""
    drawn = [{k: v.half() for k, v in vars(one).items()} for one in draw_crops(trunk, rng)]
    return [drawn[n] for n in rng.permutation(len(drawn))]


def _film_samples(task: Task, number: int) -> list[Sample]:
    film = synthetic_film(task, number, frontal=False)
    rng = np.random.default_rng([task.seed, number, _ORDER[task.kind]])
    if rng.random() < FRONTAL_RATE.get(task.kind, 0.0):
        film = synthetic_film(task, number, frontal=True)
    drawn = [one for _ in range(EXPOSURES) for one in _exposed_samples(task.kind, expose(film, rng), rng)]
    return [{k: v.half() for k, v in vars(one).items()} for one in drawn]


def _exposed_samples(kind: str, exposed: Exposed, rng: np.random.Generator) -> list[Whole | Strip] | list[FilmLook]:
    count = PER_TRUNK[kind] // EXPOSURES
    if kind != "close":
        return [DRAW_FROM_FILM[kind](exposed, rng) for _ in range(count)]
    picture = whole_picture(exposed)
    return [draw_film_look(picture, exposed.film, rng) for _ in range(count)]


def synthetic_film(task: Task, number: int, frontal: bool) -> Film:
    """Film `number` of a task: projected, or read from `task.films` where it was kept."""
    kept = task.films / f"{task.seed}-{number}{'-frontal' if frontal else ''}.pt" if task.films else None
    if kept is not None and kept.exists():
        film: Film = torch.load(kept, weights_only=False)
        return replace(film, layers=film.layers.float())
    rng = np.random.default_rng([task.seed, number])
    film = draw_film(draw_trunk(rng, film_spine(rng)), rng, frontal)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".part")
        torch.save(replace(film, layers=film.layers.half()), partial)
        partial.replace(kept)
    return film


def film_spine(rng: np.random.Generator) -> SpineOptions:
    """What is in a spine that is drawn on a film: as chance has it, many fractures, or look-alikes alone. Its ring
    apophyses stand up little or far: those of real films stand up less than those drawn for CT."""
    contents = str(rng.choice(["chance", "fractures", "mimics"], p=[0.4, 0.42, 0.18]))
    options = replace(_FILM_SPINES[contents], rim_mm=float(rng.choice([0.0, 1.2, 2.4])))
    return replace(options, scoliosis_deg=float(rng.choice([3.0, 8.0, 18.0], p=[0.5, 0.35, 0.15])))


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
