"""Real scans for development, which lie beside the checkout and are never part of it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def real_data(*parts: str) -> Path:
    """A file or folder of the real data; skip the test where that is absent."""
    path = ROOT.parent.joinpath("shared", "data", *parts)
    if not path.exists():
        pytest.skip(f"real data {'/'.join(parts)} is not beside this checkout")
    return path
