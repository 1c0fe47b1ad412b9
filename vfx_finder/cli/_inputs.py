"""What the paths on a command line stand for: folders, NIfTI files, loose DICOM files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.steps.nifti import is_nifti
from vfx_finder.dicom.headers import read_header
from vfx_finder.domain.errors import Unreadable


@dataclass(frozen=True)
class Input:
    """Files that are analysed together, and the name their result goes by."""

    name: str
    files: tuple[Path, ...]


def inputs_of(paths: Sequence[Path]) -> list[Input]:
    """One input for each NIfTI file, each folder (with all below it), and each series of loose DICOM files.

    A NIfTI file inside a folder is an input of its own. Names are stems; equal ones get the name of the folder above.
    """
    found: list[tuple[Path, tuple[Path, ...]]] = []
    loose: dict[str, list[Path]] = {}
    for path in paths:
        if path.is_dir():
            found.extend(_folder(path))
        elif is_nifti(path):
            found.append((path, (path,)))
        else:
            loose.setdefault(_series(path), []).append(path)
    found.extend((group[0], tuple(group)) for group in loose.values())
    names = _names([path for path, _ in found])
    return [Input(name, files) for name, (_, files) in zip(names, found, strict=True)]


def _folder(path: Path) -> Iterable[tuple[Path, tuple[Path, ...]]]:
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    niftis = [file for file in files if is_nifti(file)]
    others = tuple(file for file in files if not is_nifti(file))
    if others or not niftis:
        yield path, others
    for file in niftis:
        yield file, (file,)


def _series(path: Path) -> str:
    """Loose files of one series belong together; what is no DICOM stands alone."""
    try:
        return read_header(path).SeriesInstanceUID
    except Unreadable:
        return str(path)


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
    for ending in (".nii.gz", ".nii", ".dcm"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name
