"""The frozen synthetic set of lateral films: patients that no training draws, with every corner and grade known.

Each film is a function of `SEED` and its number alone. Results on it are results on synthetic pictures: never clinical
evidence.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.synthesis.film import Film, FilmVertebra, draw_film
from models.synthesis.film_detector import Exposed, draw_exposure, marked
from models.synthesis.film_samples import Frame
from models.synthesis.spine import Array
from models.synthesis.trunk import draw_trunk
from models.synthesis.validation import OPTIONS, readers_grade
from vfx_finder.domain.errors import Unreadable

SEED = 20270202
FILMS = 400
DESCRIPTION = f"synthetic lateral films, seed {SEED}"
PIXEL_MM = 0.8
VIEWS = {"whole": None, "lumbar": ("T11", "S1"), "thoracic": ("T2", "L1")}
_VIEW_SHARE, _SHARE = (0.34, 0.36, 0.30), (0.3, 0.25, 0.45)
_CORNERS = (("TF", "upper", 0), ("TB", "upper", -1), ("BF", "lower", 0), ("BB", "lower", -1))
_ROOM_MM = (70.0, 55.0)


def write_films(numbers: Iterable[int], folder: Path) -> Path:
    """Write films as 8-bit PNG into `folder`/images, and `annotations.json` (COCO layout, with Genant grades) beside
    them; returns the latter. The patient's front is on the left or on the right.

    What was written before is kept, and told again after each film: a call that was ended is taken up by the next.
    Raises `Unreadable` where other films are annotated in that folder.
    """
    torch.set_num_threads(1)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    target = folder / "annotations.json"
    rows = _written(target)
    for number in numbers:
        if number not in rows:
            rows[number] = _write(number, folder / "images" / _file_name(number))
            _tell([rows[at] for at in sorted(rows)], target)
    return target


def _written(target: Path) -> dict[int, dict[str, Any]]:
    """What the annotations that are there tell of each film whose image is there too, by its number."""
    if not target.exists():
        return {}
    try:
        document = json.loads(target.read_text(encoding="utf-8"))
        if document["info"]["description"] != DESCRIPTION:
            raise Unreadable(f"{target.name} is there already, and tells of other films.")
        names = document["categories"][0]["keypoints"]
        rows = {one["image_id"]: _row(one, names) for one in document["annotations"]}
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Unreadable(f"{target.name} is there already, and tells of other films.") from error
    return {number: row for number, row in rows.items() if (target.parent / "images" / _file_name(number)).exists()}


def _row(annotation: dict[str, Any], names: list[str]) -> dict[str, Any]:
    points = zip(names, np.array(annotation["keypoints"], float).reshape(-1, 3).tolist(), strict=True)
    known = {name: (x, y) for name, (x, y, seen) in points if seen}
    return {"number": annotation["image_id"], "points": known, "grades": annotation["grades"]}


def _tell(rows: list[dict[str, Any]], target: Path) -> None:
    """All or nothing: a call that is ended here leaves what was told before."""
    new = target.with_suffix(".new")
    new.write_text(json.dumps(annotations_of(rows, DESCRIPTION)) + "\n", encoding="utf-8")
    new.replace(target)


def _file_name(number: int) -> str:
    return f"{number:04d}.png"


def annotations_of(rows: list[dict[str, Any]], description: str) -> dict[str, Any]:
    """Films with their corners and grades in the COCO layout."""
    names = sorted({name for row in rows for name in row["points"]})
    return {
        "info": {"description": description},
        "images": [{"id": row["number"], "file_name": _file_name(row["number"])} for row in rows],
        "categories": [{"id": 1, "name": "spine", "keypoints": names}],
        "annotations": [_annotation(row, names) for row in rows],
    }


def _write(number: int, path: Path) -> dict[str, Any]:
    rng = np.random.default_rng([SEED, number])
    contents = str(rng.choice(("normal", "mimics", "fractures"), p=_SHARE))
    view = str(rng.choice(list(VIEWS), p=_VIEW_SHARE))
    film = draw_film(draw_trunk(rng, OPTIONS[contents]), rng)
    frame = _frame(film, view, rng)
    picture = marked(_exposed(film, frame, rng), PIXEL_MM, rng)
    front_left = bool(rng.random() < 0.5)
    shown = picture if front_left else picture.flip(1)
    Image.fromarray((shown.clamp(0, 1) * 255).round().to(torch.uint8).numpy()).save(path)
    points, seen = whole_points(film, frame, front_left)
    return {"number": number, "points": points, "grades": {v.name: readers_grade(v.loss) for v in seen}}


def whole_points(
    film: Film, frame: Frame, front_left: bool
) -> tuple[dict[str, tuple[float, float]], list[FilmVertebra]]:
    """The named corners of every body that is whole in a frame, and these bodies."""
    whole = [v for v in film.vertebrae if v.kind == "body" and _is_whole(frame.into(v.outline), frame.size)]
    return {f"{v.name}{name}": point for v in whole for name, point in _points(v, frame, front_left).items()}, whole


def _frame(film: Film, view: str, rng: np.random.Generator) -> Frame:
    """What the film shows: everything, or the levels of the view with a margin; a little turned."""
    centres = {v.name: v.centre for v in film.vertebrae}
    between = VIEWS[view]
    if between is None:
        size = film.layers.shape[1:]
        return Frame(((size[0] - 1) / 2, (size[1] - 1) / 2), 1.0, 0.0, (size[0], size[1]))
    ends = [centres.get(name, film.vertebrae[-2].centre) for name in between]
    room = np.array(_ROOM_MM) / film.pixel_mm
    rows = (ends[0][0] - room[0] / 2, ends[1][0] + room[0] / 2)
    seen = [c for c in centres.values() if rows[0] < c[0] < rows[1]]
    columns = (min(c[1] for c in seen) - 2.2 * room[1], max(c[1] for c in seen) + 1.2 * room[1])
    middle = (float(np.mean(rows)), float(np.mean(columns)))
    shown = (int(rows[1] - rows[0]), int(columns[1] - columns[0]))
    return Frame(middle, 1.0, float(np.radians(rng.normal(0, 3))), shown)


def _exposed(film: Film, frame: Frame, rng: np.random.Generator) -> Tensor:
    return Exposed(film, draw_exposure(rng)).patch(*frame.points(), film.pixel_mm)


def _is_whole(outline: Array, size: tuple[int, int]) -> bool:
    return bool((outline > 2).all() and (outline < np.array(size) - 3).all())


def _points(v: FilmVertebra, frame: Frame, front_left: bool) -> dict[str, tuple[float, float]]:
    """The four corners by name as (x, y)."""
    made = {}
    for name, plate, end in _CORNERS:
        row, col = frame.into(np.array([getattr(v, plate)[end]]))[0]
        made[name] = (float(col if front_left else frame.size[1] - 1 - col), float(row))
    return made


def _annotation(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    keypoints = [
        value for name in names for value in (*row["points"].get(name, (0.0, 0.0)), 2 if name in row["points"] else 0)
    ]
    return {"image_id": row["number"], "category_id": 1, "keypoints": keypoints, "grades": row["grades"]}
