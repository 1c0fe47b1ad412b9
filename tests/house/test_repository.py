"""What may be committed: small files, no real patients."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_BYTES = 1_000_000
MAY_BE_LARGE = ("models/",)
IMAGING = {".dcm", ".nii", ".gz", ".nrrd", ".mha"}
MAY_HOLD_IMAGES = "data/synthetic/"


def tracked() -> list[str]:
    """Every file that git knows and that is still there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_only_weights_are_large():
    """A file over 1 MB is a network's weights or a mistake."""
    large = [name for name in tracked() if (ROOT / name).stat().st_size > LIMIT_BYTES]
    assert [name for name in large if not (name.startswith(MAY_BE_LARGE) and name.endswith(".safetensors"))] == []


def test_scans_are_synthetic():
    """Imaging files stand in data/synthetic only, which is generated."""
    scans = [name for name in tracked() if Path(name).suffix in IMAGING]
    assert [name for name in scans if not name.startswith(MAY_HOLD_IMAGES)] == []


def test_only_weights_that_cannot_run_code():
    """Weights are safetensors: a pickle is a program."""
    pickles = {".pt", ".pth", ".ts", ".pkl", ".ckpt"}
    assert [name for name in tracked() if Path(name).suffix in pickles] == []
