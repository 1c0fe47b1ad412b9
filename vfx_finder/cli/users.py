"""`vfx-finder users`: who may sign in."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from vfx_finder.cli._ledger import ledger
from vfx_finder.domain.roles import Role

SignInRole = Literal["radiologist", "nurse", "operator"]

console = Console(highlight=False, soft_wrap=True)
users = typer.Typer(
    help="Who may sign in: add, list, rename, password, disable, enable. There are no default accounts.",
    no_args_is_help=True,
)

FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


def register(app: typer.Typer) -> None:
    """Add `users` to the command line."""
    app.add_typer(users, name="users")


@users.command()
def add(
    name: Annotated[str, typer.Argument(help="The name to sign in with.")],
    role: Annotated[SignInRole, typer.Option(help="What this person is.")],
    full_name: Annotated[str, typer.Option(help="Shown beside what this person signs.")] = "",
    password_stdin: FromStdin = False,
) -> None:
    """Add a person with one role; the password is asked for."""
    with ledger():
        from vfx_finder.actions import accounts

        accounts.add(name, Role(role), _password(password_stdin), datetime.now(UTC), full_name=full_name)
    console.print(f"{name} can sign in as {role}.")


@users.command("list")
def list_users() -> None:
    """List who may sign in."""
    with ledger():
        from vfx_finder.accounts.models import User

        table = Table("name", "role", "full name", "may sign in", "last sign-in")
        for user in User.objects.order_by("username"):
            last = f"{user.last_login:%Y-%m-%d %H:%M}" if user.last_login else "never"
            table.add_row(
                user.username, user.role, user.get_full_name(), "yes" if user.is_active else "no: disabled", last
            )
    console.print(table)


@users.command()
def rename(name: str, full_name: Annotated[str, typer.Argument(help="Shown beside what this person signs.")]) -> None:
    """Give a person the full name that results carry from now on."""
    with ledger():
        from vfx_finder.actions import accounts

        accounts.rename(name, full_name, datetime.now(UTC))
    console.print(f"{name} signs as {full_name}.")


@users.command()
def password(name: str, password_stdin: FromStdin = False) -> None:
    """Change a person's password; it is asked for."""
    with ledger():
        from vfx_finder.actions import accounts

        accounts.set_password(name, _password(password_stdin), datetime.now(UTC))
    console.print(f"{name} has a new password.")


@users.command()
def disable(name: str) -> None:
    """Let a person sign in no more; whoever is signed in under this name is signed out at once."""
    with ledger():
        from vfx_finder.actions import accounts

        accounts.disable(name, datetime.now(UTC))
    console.print(f"{name} cannot sign in any more, and is signed out everywhere.")


@users.command()
def enable(name: str) -> None:
    """Let a person sign in again, with the password as it was."""
    with ledger():
        from vfx_finder.actions import accounts

        accounts.enable(name, datetime.now(UTC))
    console.print(f"{name} can sign in again.")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
