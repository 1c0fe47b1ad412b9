"""The row of an instance. The one file of the ear that knows the database."""

from django.db import InterfaceError, OperationalError, connections

from vfx_finder.actions.keeping import Receive
from vfx_finder.domain.errors import Retry
from vfx_finder.domain.study import Instance

_DATABASE_AWAY = (OperationalError, InterfaceError)


def persistent(receive: Receive) -> Receive:
    """`receive` on this thread's own lasting connection, opened anew once if the database had gone away meanwhile.

    Raises `Retry` if it is still away: the file is kept, the sender is told to come again.
    """

    def attempt(instance: Instance) -> object:
        try:
            return receive(instance)
        except _DATABASE_AWAY:
            connections.close_all()
        try:
            return receive(instance)
        except _DATABASE_AWAY:
            connections.close_all()
            raise Retry("The ledger does not answer.") from None

    return attempt


def hang_up() -> None:
    """Close the connections of a thread that ends here."""
    connections.close_all()
