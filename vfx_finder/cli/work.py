"""`vfx-finder work`: a worker alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vfx_finder.domain.finding import Analysis


def register(app: typer.Typer) -> None:
    """Add `work` to the command line."""
    app.command()(work)


def work() -> None:
    """Settle and analyse received studies until stopped. As many workers may run, on as many machines, as you like."""
    from vfx_finder import bootstrap

    settings = bootstrap.begin()
    bootstrap.require_database(settings)
    # Tables can be imported only after Django is set up, networks only here.
    from models import catalogue
    from pipelines.study import Options, analyse
    from pipelines.worker import work as work_on
    from vfx_finder.cli._operating_point import chosen, on_films

    models = catalogue.load(films=settings.read_films)
    options = Options(operating_point=chosen(settings), on_films=on_films())

    def analyse_files(files: Sequence[Path]) -> "Analysis":
        return analyse(files, models, options)

    work_on(settings, analyse_files)
