"""The rows for a short command: the database is started for the moment where nothing runs yet."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ledger() -> Iterator[None]:
    """The database answering and the tables up to date while the block runs."""
    from vfx_finder.cli._system import borrowed_database, migrate
    from vfx_finder.config import load

    settings = load()
    with borrowed_database(settings):
        migrate(settings)
        yield
