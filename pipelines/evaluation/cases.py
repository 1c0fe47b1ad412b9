"""What is to be evaluated: CT with expert mask, masks with published grades, synthetic images with their truth; and
why every other file is none of these."""

import csv
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.evaluation.names import named_apart
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.spine import Level

CT_ENDS = ("_ct.nii.gz", "_ct.nii")
EXPERT_ENDS = ("_seg-vert_msk.nii.gz", "_seg-vert_msk.nii")
PLAIN_ENDS = ("_seg.nii.gz", "_seg.nii")
MASK_ENDS = (*EXPERT_ENDS, *PLAIN_ENDS)
"""Names of VerSe. A plain `_seg` may be anybody's labels: it is used where grades are published for it, and never as
the truth for a CT."""
TRUTH_END = ".truth.json"
"""Beside each synthetic image NAME.nii.gz lies NAME.truth.json."""
GRADES_FILE = "verse_genant.csv"
LOOK_UP = 4
"""How many folders above a mask are searched for `labels/verse_genant.csv`."""

NIFTI_ENDS = (".nii", ".nii.gz")

Grades = Mapping[Level, int]


@dataclass(frozen=True)
class Case:
    """One subject: an image (`ct`) with its expert mask or synthetic `truth` file, or a mask alone with published
    Genant grades."""

    subject: str
    mask: Path | None = None
    ct: Path | None = None
    grades: Grades = field(default_factory=dict)
    truth: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file this case is made of."""
        return tuple(file for file in (self.ct, self.mask, self.truth) if file)


@dataclass(frozen=True)
class Excluded:
    """A file that is not evaluated, and why."""

    name: str
    reason: str


def find_cases(paths: Iterable[Path]) -> tuple[tuple[Case, ...], tuple[Excluded, ...]]:
    """Every case in these files and folders, and every file that is none, with its reason.

    Raises `Unreadable` for a path that does not exist, or a grades file without the columns it must have.
    """
    files = _files(paths)
    synthetic, excluded = _synthetic(files)
    taken = {file for case in synthetic for file in case.files}
    real, others = _real([file for file in files if file.name.endswith(NIFTI_ENDS) and file not in taken])
    return (*real, *synthetic), (*excluded, *others, *_not_nifti(files))


def subject_of(file: Path) -> str:
    """The subject a file name speaks of ("verse005"); empty where the name follows no known layout."""
    for ending in (*CT_ENDS, *MASK_ENDS):
        if file.name.endswith(ending):
            return _plain(file.name.removesuffix(ending))
    return ""


def read_grades(file: Path) -> dict[str, dict[Level, int]]:
    """Grades by subject and level from a CSV with the columns subject, level and genant (blank: not graded)."""
    grades: dict[str, dict[Level, int]] = {}
    try:
        for subject, level, grade in _graded(file):
            grades.setdefault(subject, {})[level] = grade
    except (KeyError, ValueError, AttributeError, OSError) as error:
        raise Unreadable(f"{file.name} is no table of grades (columns subject, level, genant).") from error
    return grades


def _graded(file: Path) -> list[tuple[str, Level, int]]:
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [(_plain(row["subject"]), Level(row["level"]), row["genant"]) for row in csv.DictReader(lines)]
    return [(subject, level, int(grade)) for subject, level, grade in rows if grade.strip()]


def _real(files: Sequence[Path]) -> tuple[list[Case], list[Excluded]]:
    """Cases in VerSe's layout."""
    masks = {subject_of(file): file for file in files if _ends(file, MASK_ENDS)}
    images = {subject_of(file): file for file in files if _ends(file, CT_ENDS)}
    masks |= {subject: mask for subject, image in images.items() if (mask := _mask_beside(image))}
    cases = [
        Case(key, mask, _ct_of(mask, images.get(key)), _grades_for(key, mask)) for key, mask in sorted(masks.items())
    ]
    useful = [case for case in cases if case.ct or case.grades]
    used = {file for case in useful for file in case.files}
    subjects = {case.subject for case in useful}
    return useful, [Excluded(file.name, _why_useless(file, subjects)) for file in files if file not in used]


def _why_useless(file: Path, evaluated: Collection[str]) -> str:
    """Why a file that is part of no case is none; `evaluated` are the subjects that have one."""
    subject = subject_of(file)
    if not subject:
        return f"neither *_ct nor a mask by its name, and no *{TRUTH_END} beside it"
    if _ends(file, CT_ENDS):
        return _why_no_truth(file)
    if subject in evaluated:
        return "another mask of this subject is evaluated"
    if _ends(file, EXPERT_ENDS):
        return "a mask with neither its CT nor published grades"
    return f"a mask without published grades; no truth for a CT, as its name ends on none of {', '.join(EXPERT_ENDS)}"


def _why_no_truth(ct: Path) -> str:
    """Why a CT has no truth, naming a mask beside it that is not taken for one."""
    start = _start(ct, CT_ENDS)
    if any(ct.with_name(start + ending).exists() for ending in EXPERT_ENDS):
        return "another CT of this subject is evaluated"
    plain = next((there.name for ending in PLAIN_ENDS if (there := ct.with_name(start + ending)).exists()), "")
    beside = f": {plain} beside it may be anybody's labels; one in VerSe's is expected as {start}{EXPERT_ENDS[0]}"
    return f"a CT without an expert mask{beside if plain else ''}"


def _start(file: Path, endings: Sequence[str]) -> str:
    """The name without the first of these endings that it has."""
    return next(file.name.removesuffix(ending) for ending in endings if file.name.endswith(ending))


def _synthetic(files: Sequence[Path]) -> tuple[list[Case], list[Excluded]]:
    """Synthetic cases, found by their truth files; naming the image alone finds its truth."""
    beside = {file.with_name(_stem(file) + TRUTH_END) for file in files if file.name.endswith(NIFTI_ENDS)}
    truths = {file for file in files if file.name.endswith(TRUTH_END)} | {file for file in beside if file.exists()}
    images = {truth: _image_of(truth) for truth in sorted(truths)}
    cases = [Case(_stem(image), ct=image, truth=truth) for truth, image in images.items() if image]
    return cases, [
        Excluded(truth.name, "the image it speaks of is not beside it, or it is no truth file")
        for truth, image in images.items()
        if image is None
    ]


def _image_of(truth: Path) -> Path | None:
    """The image a truth file names, else the one with its own name."""
    try:
        named = json.loads(truth.read_text(encoding="utf-8")).get("file")
    except (OSError, ValueError, AttributeError):
        return None
    names = [named] if isinstance(named, str) else [truth.name.removesuffix(TRUTH_END) + end for end in NIFTI_ENDS]
    return next((there for name in names if (there := truth.with_name(Path(name).name)).exists()), None)


def _stem(file: Path) -> str:
    return file.name.removesuffix(".gz").removesuffix(".nii")


def _not_nifti(files: Sequence[Path]) -> list[Excluded]:
    """DICOM files by folder: they may be hundreds, and none of them has a truth."""
    folders = Counter(file.parent for file in files if file.suffix.lower() in {".dcm", ".dicom"})
    names = named_apart(folders)
    return [
        Excluded(f"{names[folder]}/", f"{count} DICOM files: an image with a truth is expected as NIfTI")
        for folder, count in folders.items()
    ]


def _plain(subject: str) -> str:
    return subject.removeprefix("sub-").replace("/", "_")


def _ends(file: Path, endings: Sequence[str]) -> bool:
    return file.name.endswith(tuple(endings))


def _files(paths: Iterable[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise Unreadable(f"{path} does not exist.")
        inside = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        found |= dict.fromkeys(inside)
    return list(found)


def _mask_beside(image: Path) -> Path | None:
    start = _start(image, CT_ENDS)
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
