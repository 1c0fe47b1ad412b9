"""Habits that are kept out by test, because no linter knows them."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("vfx_finder", "models", "pipelines", "dicom_listener")
JUNK_DRAWERS = {"utils", "util", "helpers", "common", "misc", "core", "tools"}
JUNK_CLASS = re.compile(r"(Manager|Helper|Processor|Util|Utils)$")
FILE_LIMIT = 400
EDGES = {
    "C-STORE handler": "dicom_listener",
    "worker loop": "pipelines",
    "web middleware": "vfx_finder/web",
    "command line": "vfx_finder/cli",
}
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|tmp|root|home/\w+|farm|opt/(wheels|pypi)\S*)/")


def sources() -> list[Path]:
    """Every Python file of the product."""
    return [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]


def tracked() -> list[Path]:
    """Every file that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def nodes(kind: type[ast.AST]) -> list[tuple[Path, ast.AST]]:
    """Every syntax node of a kind, with its file."""
    return [
        (path, node) for path in sources() for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kind)
    ]


def test_no_junk_drawers():
    """A file is named after its idea, never utils or helpers."""
    assert [path for path in sources() if path.stem in JUNK_DRAWERS or path.parent.name in JUNK_DRAWERS] == []


def test_no_managers():
    """A class is named after the thing it is."""
    assert [(str(path), node.name) for path, node in nodes(ast.ClassDef) if JUNK_CLASS.search(node.name)] == []


def test_no_globals_and_no_print():
    """State is handed in, words go to the log or to the console."""
    assert nodes(ast.Global) == []
    calls = [(path, node) for path, node in nodes(ast.Call) if getattr(node.func, "id", "") == "print"]
    assert calls == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(path):
    """A file has one idea and less than 400 lines."""
    assert len(path.read_text().splitlines()) < FILE_LIMIT


def test_broad_except_stands_at_four_edges_only():
    """`except Exception` is for the C-STORE handler, the worker loop, the web middleware and the command line."""
    broad = {
        str(path.relative_to(ROOT))
        for path, node in nodes(ast.ExceptHandler)
        if node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"}
    }
    assert {name for name in broad if not name.startswith(tuple(EDGES.values()))} == set()


def test_pages_never_touch_rows():
    """Pages read through the ledger's named queries and write through actions."""
    pages = [
        path for room in ("reading", "referrals", "figures") for path in (ROOT / "vfx_finder" / room).rglob("*.py")
    ]
    assert [path for path in pages if re.search(r"\.objects\b|\.save\(|bulk_create\(", path.read_text())] == []


def test_clocks_and_chance_are_handed_in():
    """Rules and analysis are repeatable: no clock, no unseeded chance in domain, dicom and steps."""
    pure = [ROOT / "vfx_finder" / "domain", ROOT / "vfx_finder" / "dicom", ROOT / "pipelines" / "steps"]
    wild = re.compile(
        r"datetime\.now|date\.today|time\.time\(|np\.random\.(?!Generator|default_rng\(\w)|uuid4|^import random", re.M
    )
    assert [path for folder in pure for path in folder.rglob("*.py") if wild.search(path.read_text())] == []


def test_unit_tests_stay_plain():
    """tests/unit needs no network, no database and no socket, so that it answers in seconds."""
    plain = re.compile(
        r"^\s*(import|from) (torch|monai|models\.(runner|networks|training))\b|django_db|import socket", re.M
    )
    assert [path.name for path in (ROOT / "tests" / "unit").rglob("*.py") if plain.search(path.read_text())] == []


def test_no_file_names_a_machine():
    """Nothing committed knows the folders of one machine."""
    text = {".py", ".md", ".toml", ".html", ".css", ".js", ".json", ".yaml", ".cfg", ""}
    files = [path for path in tracked() if path.suffix in text and path != Path(__file__)]
    assert [str(path) for path in files if MACHINE_PATHS.search(path.read_text(errors="ignore"))] == []
