"""What a process loads: the ear and the pages stay light, and our packages are ours."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "torchvision", "monai")
LIGHT_ENTRANCES = {
    "listener": "from vfx_finder.bootstrap import begin; begin(); import dicom_listener.__main__, dicom_listener.rows",
    "web": "import vfx_finder.web.wsgi; from django.urls import get_resolver; get_resolver().url_patterns",
    "command line": "from vfx_finder import cli; cli._register()",
}


def loaded_after(statement: str, cwd: Path) -> set[str]:
    """The top-level modules of a fresh interpreter after a statement."""
    story = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", story], capture_output=True, text=True, timeout=120, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("entrance", LIGHT_ENTRANCES)
def test_no_network_is_loaded(entrance, tmp_path):
    """Neither torch nor monai is loaded by the listener, the pages, or by asking the command line for help."""
    assert loaded_after(LIGHT_ENTRANCES[entrance], tmp_path).isdisjoint(HEAVY)


def test_models_is_ours():
    """`models` is this repository's package even with a bundle's own `models/` folder first on the path."""
    import models

    assert Path(models.__file__) == ROOT / "models" / "__init__.py"
    for bundle in bundles():
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import sys; sys.path.append({str(bundle)!r}); import models; print(models.__file__)",
            ],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        assert Path(done.stdout.strip()) == ROOT / "models" / "__init__.py"


def bundles() -> list[Path]:
    """The MONAI bundles on the shelf."""
    return [path.parent.parent for path in (ROOT / "models").glob("*/configs/metadata.json")]


def test_bundles_carry_no_code():
    """A `scripts` folder in two bundles would hide one behind the other; networks live in models/networks.py."""
    assert [path for bundle in bundles() for path in bundle.rglob("*.py")] == []
    assert [bundle for bundle in bundles() if (bundle / "scripts").exists()] == []


def test_the_domain_is_plain_python():
    """The words and rules of the clinic need the standard library only."""
    outside = set()
    for path in (ROOT / "vfx_finder" / "domain").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            outside |= {name for name in names if not name.startswith("vfx_finder.domain")}
    assert {name.partition(".")[0] for name in outside} <= set(sys.stdlib_module_names)


def test_every_room_stands_on_a_floor():
    """A new package of the shared house must say in .importlinter which floor it stands on."""
    contract = (ROOT / ".importlinter").read_text()
    rooms = {
        path.stem for path in (ROOT / "vfx_finder").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {room for room in rooms - {"__init__", "__main__"} if f"vfx_finder.{room}" not in contract} == set()
