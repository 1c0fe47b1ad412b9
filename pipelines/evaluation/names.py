"""Folders named apart by as little of their path as tells them apart."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def named_apart(folders: Iterable[Path]) -> dict[Path, str]:
    """Each folder with its last name; those that share one with as many folders above as it takes ("001/dicom")."""
    paths = list(dict.fromkeys(folders))
    names = {path: path.name for path in paths}
    for depth in range(2, max((len(path.parts) for path in paths), default=0) + 1):
        shared = {name for name, count in Counter(names.values()).items() if count > 1}
        if not shared:
            break
        names |= {path: "/".join(path.parts[-depth:]).lstrip("/") for path in paths if names[path] in shared}
    return names
