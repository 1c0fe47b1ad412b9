"""What the paths on a command line stand for: folders, NIfTI files, loose DICOM files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.steps.film_image import is_picture
from pipelines.steps.nifti import is_nifti
from vfx_finder.dicom.headers import Header, read_header
from vfx_finder.domain.errors import Unreadable


@dataclass(frozen=True)
class Input:
    """Files that are analysed together, and the name their result goes by."""

    name: str
    files: tuple[Path, ...]


def inputs_of(paths: Sequence[Path]) -> list[Input]:
    """One input for each NIfTI file, each picture (PNG, JPEG) in a folder without DICOM, each study in a folder and all
    below it, and each series of loose DICOM files.

    A folder that holds one study, or none, gives its name; of several studies each goes by the folder of its first
    file. Beside NIfTI files and such pictures, files that are no DICOM are passed over. Names are stems; equal ones get
    the name of the folder above, then a number.
    """
    found: list[tuple[Path, tuple[Path, ...]]] = []
    loose: dict[str, list[Path]] = {}
    for path in paths:
        if path.is_dir():
            found.extend(_folder(path))
        elif is_nifti(path) or is_picture(path):
            found.append((path, (path,)))
        else:
            loose.setdefault(_series(path), []).append(path)
    found.extend((group[0], tuple(group)) for group in loose.values())
    names = _names([path for path, _ in found])
    return [Input(name, files) for name, (_, files) in zip(names, found, strict=True)]


def _folder(path: Path) -> Iterable[tuple[Path, tuple[Path, ...]]]:
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    alone = [file for file in files if is_nifti(file)]
    others = tuple(file for file in files if not is_nifti(file))
    has_dicom = any(_header(file) for file in others)
    if not alone and not has_dicom:
        alone = [file for file in files if is_picture(file)]
    if has_dicom or not alone:
        yield from _studies(path, others)
    for file in alone:
        yield file, (file,)


def _studies(folder: Path, files: tuple[Path, ...]) -> Iterable[tuple[Path, tuple[Path, ...]]]:
    """The files by study; what is no DICOM stays with the first study, where it is counted."""
    studies: dict[str, list[Path]] = {}
    strangers: list[Path] = []
    for file in files:
        header = _header(file)
        (studies.setdefault(header.StudyInstanceUID, []) if header else strangers).append(file)
    if len(studies) <= 1:
        return [(folder, files)]
    next(iter(studies.values())).extend(strangers)
    return [(group[0].parent, tuple(group)) for group in studies.values()]


def _header(path: Path) -> Header | None:
    try:
        return read_header(path)
    except Unreadable:
        return None


def _series(path: Path) -> str:
    """Loose files of one series belong together; what is no DICOM stands alone."""
    header = _header(path)
    return header.SeriesInstanceUID if header else str(path)


def _names(paths: Sequence[Path]) -> list[str]:
    stems = [_stem(path) for path in paths]
    longer = [
        f"{path.resolve().parent.name}_{stem}" if stems.count(stem) > 1 else stem
        for path, stem in zip(paths, stems, strict=True)
    ]
    return [
        f"{name}_{longer[:index].count(name) + 1}" if longer.count(name) > 1 else name
        for index, name in enumerate(longer)
    ]


def _stem(path: Path) -> str:
    name = path.resolve().name
    for ending in (".nii.gz", ".nii", ".dcm", ".png", ".jpg", ".jpeg"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name
