"""Locks that end with the process that holds them: PostgreSQL's advisory locks, held by a database session."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, connection


def in_turn(name: str) -> None:
    """Wait until nobody else is in a transaction that said this name, and go first until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether nobody else, in any process on any machine, is in a block of this name; never waits.

    A process that is killed frees its locks at once. Keep this thread's connection open during the block.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with suppress(DatabaseError), connection.cursor() as cursor:  # a session that was lost has freed it
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
