"""`vfx-finder doctor`: what is in force on this machine, what is wrong with it, and what to do about that."""

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vfx_finder.cli._answer import Answer, Verdict
from vfx_finder.cli._diagnosis import diagnose
from vfx_finder.config import Settings, load

COLOUR = {Verdict.GOOD: "green", Verdict.WARNING: "yellow", Verdict.FAILURE: "red"}


def register(app: typer.Typer) -> None:
    """Add `doctor` to the command line."""
    app.command()(doctor)


def doctor() -> None:
    """Check this installation and say what to do about what is wrong; exit code 1 where something fails."""
    console = Console()
    try:
        settings = load()
    except ValidationError as error:
        answers = [_wrong_setting(each["loc"], each["msg"]) for each in error.errors(include_input=False)]
    else:
        answers = _ask(settings, console)
    console.print(_table(answers))
    if any(answer.verdict is Verdict.FAILURE for answer in answers):
        raise typer.Exit(1)


def _ask(settings: Settings, console: Console) -> list[Answer]:
    with console.status("Looking ...") as status:
        answers = []
        for answer in diagnose(settings):
            status.update(f"{answer.question}: {answer.verdict}")
            answers.append(answer)
    return answers


def _wrong_setting(where: tuple[int | str, ...], message: str) -> Answer:
    """The setting and what is wrong with it, never its value: that may be a password."""
    name = f"VFX_{'_'.join(str(part) for part in where[:1]).upper()}"
    return Answer("settings", Verdict.FAILURE, f"{name}: {message}", "See docs/settings.md.")


def _table(answers: list[Answer]) -> Table:
    table = Table("", "", title="vfx-finder doctor", title_justify="left")
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for answer in answers:
        row = (
            Text(answer.question),
            Text(answer.verdict, COLOUR[answer.verdict]),
            Text(answer.found),
            Text(answer.advice),
        )
        table.add_row(*row)
    return table
