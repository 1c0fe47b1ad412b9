"""Which code made an answer."""

from pathlib import Path

import models
import pipelines
import vfx_finder
from pipelines.evaluation.journal import sha256_of_code


def code_that_analyses(*sources: str) -> str:
    """One sha256 over the Python sources that make an answer: `sources` among those of `pipelines`, its steps, the
    shelf, and the words of the clinic and of DICOM."""
    hands, shelf, house = (Path(room.__path__[0]) for room in (pipelines, models, vfx_finder))
    rooms = [hands / "steps", shelf, house / "domain", house / "dicom"]
    return sha256_of_code([*(hands / source for source in sources), *rooms])
