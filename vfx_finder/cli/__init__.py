"""Composition root of the command line: `vfx-finder COMMAND`. One command a file; heavy imports stay inside them."""

import importlib
import sys

import typer
from rich.console import Console

from vfx_finder.domain.errors import VfxError

COMMANDS = (
    "up",
    "demo",
    "listen",
    "hear_hospital",
    "work",
    "web",
    "analyse",
    "synth",
    "train",
    "learn_shapes",
    "evaluate",
    "doctor",
    "users",
    "archives",
    "sweep",
    "retention",
)
EXIT_BAD_INPUT = 2

app = typer.Typer(
    name="vfx-finder",
    help="Finds vertebral fragility fractures and follows each patient to treatment. Research software.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _register() -> None:
    """Every module of COMMANDS offers `register(app)`, which adds its command or group to the application."""
    for name in COMMANDS:
        importlib.import_module(f"vfx_finder.cli.{name}").register(app)


def main() -> None:
    """Run the command line; an error this system knows how to name becomes one clear line and exit code 2."""
    _register()
    try:
        app()
    except VfxError as error:
        Console(stderr=True).print(f"[red]{error}[/red]", highlight=False)
        sys.exit(EXIT_BAD_INPUT)
