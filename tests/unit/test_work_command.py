"""A worker reads radiographs only where the hospital asked for this research."""

import sys
from types import SimpleNamespace

import pytest

from models import catalogue
from vfx_finder import bootstrap
from vfx_finder.cli.work import work
from vfx_finder.config import Settings


@pytest.mark.parametrize("read_films", [False, True])
def test_the_worker_reads_films_only_where_the_setting_says_so(
    monkeypatch: pytest.MonkeyPatch, read_films: bool
) -> None:
    asked, started = [], []
    monkeypatch.setattr(bootstrap, "begin", lambda: Settings(read_films=read_films))
    monkeypatch.setattr(bootstrap, "require_database", lambda settings: None)
    monkeypatch.setattr(catalogue, "load", lambda device=None, *, films=False: asked.append(films))
    monkeypatch.setitem(sys.modules, "pipelines.worker", SimpleNamespace(work=lambda *given: started.append(given)))
    work()
    assert asked == [read_films]
    assert len(started) == 1


def test_films_are_not_read_unless_asked_for() -> None:
    assert Settings().read_films is False
