"""Which pictures and annotations of a set of films do not belong together, each with why it is not evaluated."""

import json
from pathlib import Path

from pipelines.evaluation.cases import Excluded
from pipelines.evaluation.films import film_truths, picture_of
from pipelines.steps.film_image import is_picture

PICTURE_MISSING = "annotated, but the picture is missing"
NOT_ANNOTATED = "a picture that no annotation speaks of"


def left_out(file: Path) -> tuple[Excluded, ...]:
    """Every annotation of this file whose picture is missing, and every picture beside it (or in `images/`) that none
    speaks of. Raises `Unreadable` for a file without corners in the COCO layout."""
    evaluated = {truth.film for truth in film_truths(file)}
    document = json.loads(file.read_text(encoding="utf-8"))
    named = {image["id"]: image["file_name"] for image in document["images"]}
    annotated = dict.fromkeys(named[row["image_id"]] for row in document["annotations"])
    missing = [name for name in annotated if not picture_of(file, name).exists()]
    there = [path for folder in (file.parent / "images", file.parent) for path in sorted(folder.glob("*"))]
    unknown = [path.name for path in there if is_picture(path) and path not in evaluated]
    return (
        *(Excluded(name, PICTURE_MISSING) for name in missing),
        *(Excluded(name, NOT_ANNOTATED) for name in unknown),
    )
