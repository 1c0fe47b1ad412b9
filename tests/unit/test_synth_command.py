"""What `vfx-finder synth` says while it writes."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from models.synthesis import demo
from vfx_finder.cli import synth


def test_into_a_file_no_bar_is_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def write(folder: Path, tell: demo.Progress) -> list[Path]:
        tell("one", 0.0)
        tell("one", 1.0)
        return [folder, folder]

    monkeypatch.setattr(demo, "write_demo_studies", write)
    app = typer.Typer()
    synth.register(app)
    said = CliRunner().invoke(app, [str(tmp_path)])
    assert said.exit_code == 0
    assert "%" not in said.output
    assert "2 synthetic studies" in said.output
