"""Every code that leaves the house stands in docs/results-in-pacs.md as it is used, and no other does."""

import re
from pathlib import Path

from vfx_finder.dicom import codes

ROOM = Path(__file__).resolve().parents[2]
PAGE = ROOM / "docs" / "results-in-pacs.md"


def test_the_table_of_codes_is_the_table_in_the_code():
    """Value, scheme, meaning and source, in the same order."""
    lines = [line for line in PAGE.read_text().partition("## Codes")[2].splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    used = [[f"`{one.value}`", one.scheme, one.meaning, one.source] for one in codes.entries()]
    assert rows[2:] == used


def test_every_code_in_the_table_is_used():
    """A code that nothing says any more would stand on the page as if it left the house."""
    text = "".join(path.read_text() for path in (ROOM / "vfx_finder" / "dicom").glob("*.py"))
    names = [name for name, value in vars(codes).items() if isinstance(value, codes.Entry)]
    unused = [name for name in names if len(re.findall(rf"\b{name}\b", text)) < 2]
    assert unused == []


def test_codes_of_objects_are_written_nowhere_else():
    """They stand in one module, so that one person can check them all."""
    sources = {*(ROOM / "vfx_finder" / "dicom").glob("*.py"), *(ROOM / "pipelines" / "steps").glob("*.py")}
    others = sources - {ROOM / "vfx_finder" / "dicom" / "codes.py"}
    assert [path.name for path in others if re.search(r"99VFX|['\"](SCT|DCM)['\"]", path.read_text())] == []
