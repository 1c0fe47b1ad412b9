"""What is to be evaluated: CT with expert mask, masks with published grades, and why other files are neither."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.spine import Level

CT_ENDS = ("_ct.nii.gz", "_ct.nii")
EXPERT_ENDS = ("_seg-vert_msk.nii.gz", "_seg-vert_msk.nii")
MASK_ENDS = (*EXPERT_ENDS, "_seg.nii.gz", "_seg.nii")
"""Names of VerSe. A plain `_seg` may be anybody's labels: it is used where grades are published for it, and never as
the truth for a CT."""
GRADES_FILE = "verse_genant.csv"
LOOK_UP = 4
"""How many folders above a mask are searched for `labels/verse_genant.csv`."""

Grades = Mapping[Level, int]


@dataclass(frozen=True)
class Case:
    """One subject: a mask, its CT where there is one, and published Genant grades where there are some."""

    subject: str
    mask: Path
    ct: Path | None = None
    grades: Grades = field(default_factory=dict)


@dataclass(frozen=True)
class Excluded:
    """A file that is not evaluated, and why."""

    name: str
    reason: str


def find_cases(paths: Iterable[Path]) -> tuple[tuple[Case, ...], tuple[Excluded, ...]]:
    """Every case in these files and folders (VerSe layout), and every NIfTI file that is none, with its reason.

    Raises `Unreadable` for a path that does not exist, or a grades file without the columns it must have.
    """
    files = _nifti_files(paths)
    masks = {subject_of(file): file for file in files if _ends(file, MASK_ENDS)}
    images = {subject_of(file): file for file in files if _ends(file, CT_ENDS)}
    masks |= {subject: mask for subject, image in images.items() if (mask := _mask_beside(image))}
    cases = [
        Case(key, mask, _ct_of(mask, images.get(key)), _grades_for(key, mask)) for key, mask in sorted(masks.items())
    ]
    useless = [case for case in cases if case.ct is None and not case.grades]
    excluded = [
        *(Excluded(case.mask.name, "a mask with neither its CT nor published grades") for case in useless),
        *(Excluded(file.name, "a CT without an expert mask") for key, file in images.items() if key not in masks),
        *(Excluded(file.name, "neither *_ct nor a mask by its name") for file in files if not subject_of(file)),
    ]
    return tuple(case for case in cases if case not in useless), tuple(excluded)


def subject_of(file: Path) -> str:
    """The subject a file name speaks of ("verse005"); empty where the name follows no known layout."""
    for ending in (*CT_ENDS, *MASK_ENDS):
        if file.name.endswith(ending):
            return _plain(file.name.removesuffix(ending))
    return ""


def read_grades(file: Path) -> dict[str, dict[Level, int]]:
    """Grades by subject and level from a CSV with the columns subject, level and genant (blank: not graded)."""
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = [(_plain(row["subject"]), Level(row["level"]), row["genant"]) for row in csv.DictReader(lines)]
            grades: dict[str, dict[Level, int]] = {}
            for subject, level, grade in rows:
                if grade.strip():
                    grades.setdefault(subject, {})[level] = int(grade)
    except (KeyError, ValueError, AttributeError, OSError) as error:
        raise Unreadable(f"{file.name} is no table of grades (columns subject, level, genant).") from error
    return grades


def _plain(subject: str) -> str:
    return subject.removeprefix("sub-").replace("/", "_")


def _ends(file: Path, endings: Sequence[str]) -> bool:
    return file.name.endswith(tuple(endings))


def _nifti_files(paths: Iterable[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise Unreadable(f"{path} does not exist.")
        inside = sorted(path.rglob("*.nii*")) if path.is_dir() else [path]
        found |= dict.fromkeys(inside)
    return list(found)


def _mask_beside(image: Path) -> Path | None:
    start = next(image.name.removesuffix(ending) for ending in CT_ENDS if image.name.endswith(ending))
    return next((there for ending in EXPERT_ENDS if (there := image.with_name(start + ending)).exists()), None)


def _ct_of(mask: Path, named: Path | None) -> Path | None:
    """The CT of an expert mask: the one that was named, else the one that lies beside it."""
    start = next((mask.name.removesuffix(ending) for ending in EXPERT_ENDS if mask.name.endswith(ending)), None)
    if start is None:
        return None
    return named or next((there for ending in CT_ENDS if (there := mask.with_name(start + ending)).exists()), None)


def _grades_for(subject: str, mask: Path) -> Grades:
    """Grades from `verse_genant.csv` beside the mask, or in `labels/` of a folder above it."""
    places = [mask.parent / GRADES_FILE, *(above / "labels" / GRADES_FILE for above in list(mask.parents)[:LOOK_UP])]
    file = next((place for place in places if place.exists()), None)
    return read_grades(file).get(subject, {}) if file else {}
