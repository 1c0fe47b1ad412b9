"""What the pages of an evaluation have in common: cases with pictures and outlines, and how HTML is made of them."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.template import Context, Engine

from pipelines.evaluation.charts import Chart
from pipelines.evaluation.tables import Section
from vfx_finder.domain.spine import Point

PAGE_FILE, FILMS_FILE = "index.html", "films.html"
TEMPLATES = Path(__file__).parent / "templates"
MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}
LINE_HEIGHT = 1.1


@dataclass(frozen=True)
class Outline:
    """One finding or truth over the picture, `words` beside it at (`x`, `y`). `kind`: right, false, missed (a fracture
    not flagged), named (a wrong name), beyond, and on films lost (a body not found) and true (its true corners)."""

    points: str
    kind: str
    x: float
    y: float
    words: str


@dataclass(frozen=True)
class Case:
    """One of the worst images: its facts, what went wrong, its picture as a data address (empty for none) with letters
    of `em`, and every body with truth beside said."""

    anchor: str
    name: str
    facts: str
    wrong: tuple[str, ...]
    picture: str
    width: int
    height: int
    view_box: str
    em: float
    outlines: tuple[Outline, ...]
    header: tuple[str, ...]
    bodies: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """One kind of case with its charts."""

    section: Section
    charts: tuple[Chart, ...]


def embedded(picture: Path | None) -> str:
    """A picture as an address that holds it; empty where there is none."""
    if picture is None:
        return ""
    return f"data:{MEDIA_TYPES[picture.suffix]};base64,{b64encode(picture.read_bytes()).decode()}"


def label_heights(outlines: Sequence[Sequence[Point]], em: float) -> list[float]:
    """How high the words beside each outline stand: level with its middle, and none over another."""
    middles = [sum(y for _, y in outline) / len(outline) + em / 3 for outline in outlines]
    heights, last = dict.fromkeys(range(len(middles)), 0.0), float("-inf")
    for at in sorted(heights, key=lambda at: middles[at]):
        last = heights[at] = max(middles[at], last + LINE_HEIGHT * em)
    return [round(height, 1) for height in heights.values()]


def rendered(template: str, content: Mapping[str, Any]) -> str:
    """A page as HTML."""
    # without localisation the engine needs no Django settings
    return Engine(dirs=[str(TEMPLATES)]).get_template(template).render(Context(dict(content), use_l10n=False))
