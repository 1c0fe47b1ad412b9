"""Results on disk, one JSON line a case as they come, so that a run of hours can be ended and taken up again.

A line is used again only for a task of the same name, the same bytes of every file, and the same weights and code
that analyse (`Version`). A line that was cut off when the machine went down is made again.
"""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDS_FILE = "cases.jsonl"
PICTURES_FOLDER = "pictures"
SCHEMA = "vfx-finder/evaluation-case/1"


@dataclass(frozen=True)
class Version:
    """What made an answer: the weights and the source code that analyses, each as a sha256."""

    weights: str
    code: str


@dataclass(frozen=True)
class Key:
    """What a result belongs to: `task` is kind and name, `files` the sha256 over the bytes of all its files."""

    task: str
    files: str
    version: Version


class Journal:
    """The folder of one evaluation. `earlier` counts lines that were made by other weights or code, of these `kinds` of
    task alone: films and CTs may be kept in one folder, and neither is out of date because the other is there.
    `picture_end` is the ending of the pictures, with its dot."""

    def __init__(self, folder: Path, version: Version, kinds: Collection[str], picture_end: str = ".png") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._version, self._picture_end = folder, version, picture_end
        _end_last_line(folder / RECORDS_FILE)
        self._kept: dict[tuple[str, str], dict[str, Any]] = {}
        self.earlier = 0
        for line in _lines(folder / RECORDS_FILE):
            if line.get("weights") == version.weights and line.get("code") == version.code:
                self._kept[line["task"], line["files"]] = line["record"]
            elif str(line.get("task")).partition(":")[0] in kinds:
                self.earlier += 1

    def kept(self, key: Key) -> dict[str, Any] | None:
        """The record of this task, if the same version made one of the same files."""
        return self._kept.get((key.task, key.files))

    def keep(self, key: Key, record: dict[str, Any], picture: bytes | None) -> None:
        """Write the picture, then the line: a line never speaks of a picture that is not there."""
        if picture:
            self.picture(key).parent.mkdir(exist_ok=True)
            self.picture(key).write_bytes(picture)
        line: dict[str, Any] = {"schema": SCHEMA, "task": key.task, "files": key.files, "weights": key.version.weights}
        line |= {"code": key.version.code, "record": record}
        with (self.folder / RECORDS_FILE).open("a", encoding="utf-8") as out:
            out.write(json.dumps(line, allow_nan=False) + "\n")
        self._kept[key.task, key.files] = record

    def picture(self, key: Key) -> Path:
        """Where the picture of this task lies."""
        return self.folder / PICTURES_FOLDER / f"{key.task.partition(':')[2]}-{key.files[:8]}{self._picture_end}"


def sha256_of_files(files: Iterable[Path]) -> dict[Path, str]:
    """The sha256 of each file."""
    return {file: _sha256(file) for file in files}


def sha256_of_code(rooms: Iterable[Path]) -> str:
    """One sha256 over the Python sources in these files and folders, by name and bytes."""
    sources = [file for room in rooms for file in (sorted(room.glob("*.py")) if room.is_dir() else [room])]
    whole = hashlib.sha256()
    for file in sources:
        whole.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _end_last_line(file: Path) -> None:
    """A line that was cut off must not swallow the next one."""
    if file.exists() and not file.read_bytes().endswith(b"\n"):
        with file.open("a", encoding="utf-8") as out:
            out.write("\n")


def _lines(file: Path) -> Iterable[dict[str, Any]]:
    if not file.exists():
        return
    for text in file.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and line.get("schema") == SCHEMA:
            yield line
