"""Which film is it: a lateral film of the spine, a spine from the front, a chest, or something else. Pixels decide."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from pipelines.steps.facts import FloatArray
from pipelines.steps.film_image import FilmImage
from pipelines.steps.film_way import EVERY_WAY, Way
from vfx_finder.domain.study import Reason, Unsuitable

SIDE_PX = 128
"""Longer side of the picture that the gate looks at: which film it is can be told from across a room."""

LEAST_LATERAL = 0.4
"""Mean probability, over every way of holding the film, from which it is taken for a lateral film of the spine, if it
is no likelier a chest. Low, because what is no spine is stopped again where no chain of levels is seen in it
(docs/evidence/xray_spine.md)."""

_LATERAL, _FRONT, _CHEST = 0, 1, 2
_REFUSED = {
    _FRONT: (
        Reason.FILM_FROM_FRONT,
        "A spine from the front (AP or PA): heights of vertebrae are measured on lateral films alone.",
    ),
    _CHEST: (
        Reason.FILM_OF_CHEST,
        "A film of the chest: heights of vertebrae are measured on lateral films of the spine alone.",
    ),
}
_OTHER = (Reason.NOT_LATERAL_SPINE, "No lateral film of a thoracic or lumbar spine is seen here.")
_SAID = {"AP": _FRONT, "PA": _FRONT, "LL": _LATERAL, "RL": _LATERAL, "LAT": _LATERAL, "LATERAL": _LATERAL}
"""ViewPosition (PS3.3 C.8.7.1.1.1), and words of descriptions that tell the view."""


class ViewMaps(Protocol):
    """What the network of views says of N pictures (`models.view_runner.ViewMaps`)."""

    @property
    def view(self) -> FloatArray:
        """Probabilities [N, 4]: a lateral film of the spine, a spine from the front, a chest, anything else."""

    @property
    def upright(self) -> FloatArray:
        """[N]: how sure it is, should this be a lateral film, that it is held upright, front left, bone bright."""


class ViewNetwork(Protocol):
    """The network of views."""

    def views(self, pictures: Sequence[FloatArray]) -> ViewMaps:
        """What it takes pictures [H, W] for, no side longer than `SIDE_PX`, grey 0 to 1."""


@dataclass(frozen=True)
class Look:
    """What a film is taken for, alike however it is held: probabilities of the four views, and the ways to hold it,
    likeliest first, each with how sure (0..1) it is that the film is upright so."""

    views: tuple[float, ...]
    ways: tuple[tuple[Way, float], ...]

    @property
    def is_lateral(self) -> bool:
        """Whether it is read as a lateral film of the spine."""
        return self.views[_LATERAL] >= max(LEAST_LATERAL, self.views[_CHEST])


def look_at(film: FilmImage, network: ViewNetwork) -> Look:
    """The film seen small, every way round."""
    small = _small(film.grey)
    maps = network.views([way.of(small) for way in EVERY_WAY])
    order = np.argsort(-maps.upright, kind="stable")
    return Look(
        tuple(float(p) for p in maps.view.mean(0)), tuple((EVERY_WAY[n], float(maps.upright[n])) for n in order)
    )


def _small(grey: FloatArray) -> FloatArray:
    share = SIDE_PX / max(grey.shape)
    height, width = (max(1, round(n * share)) for n in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX), np.float32)


def refusal(film: FilmImage, look: Look) -> Unsuitable | None:
    """Why a film is not read, in words; None where it is. What the header says decides nothing, but is told."""
    if look.is_lateral:
        return None
    seen = int(np.argmax(look.views[1:])) + 1
    reason, words = _REFUSED.get(seen, _OTHER)
    said = _said(film)
    told = f" The header says {said}." if said and _SAID[said] != seen else ""
    return Unsuitable(reason, words + told)


def no_spine(film: FilmImage) -> Unsuitable:
    """What is said of a film that looks lateral, but in which no chain of levels is seen."""
    said = _said(film)
    told = f" The header says {said}." if said else ""
    return Unsuitable(Reason.NOT_LATERAL_SPINE, f"No lateral view of a spine is seen in this film.{told}")


def header_disagrees(film: FilmImage) -> bool:
    """Whether the header calls a film frontal that is read as lateral."""
    said = _said(film)
    return bool(said) and _SAID[said] != _LATERAL


def _said(film: FilmImage) -> str:
    """The view that the header names, "" where it names none or more than one."""
    named = {word for word in re.findall(r"[A-Z]+", film.position.upper()) if word in _SAID}
    return min(named) if len({_SAID[word] for word in named}) == 1 else ""
