"""Taking turns with the thread that pynetdicom runs for every association that we open ourselves.

That thread takes whatever comes. Before a request goes out pynetdicom clears an event to stop it, and believes that it
has stopped as soon as a flag is up. But the flag goes up before the thread stops and down a moment after it went on: a
thread that passed the event just before looks stopped, goes on, takes an answer that comes very fast, and whoever asked
waits in vain until the time is up. Seen once in a thousand images that were sent to a fast receiver.
"""

import threading

LOOK_EVERY_S = 0.01
"""How often is looked whether the thread has died, which tells nobody."""


class AssociationEnded(RuntimeError):
    """The association ended before the request went out. pynetdicom raises `RuntimeError` for one that has ended."""


class Turns(threading.Event):
    """Stands in for pynetdicom's event: `clear` returns only when the thread of the association really stands still.

    Set it as `_reactor_checkpoint` of an association that is open, before anything is asked by it.
    """

    def __init__(self, reactor: threading.Thread) -> None:
        super().__init__()
        self._reactor = reactor
        self._free, self._standing = True, False
        self._changed = threading.Condition()

    def is_set(self) -> bool:
        """Whether the thread may go on."""
        return self._free

    def set(self) -> None:
        """Let the thread go on."""
        with self._changed:
            self._free = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Stop the thread; back when it stands. Raises `AssociationEnded` where it has ended or ends meanwhile."""
        with self._changed:
            self._free = False
            if threading.current_thread() is self._reactor:  # it asks something itself, so nobody else takes the answer
                return
            while not self._standing:
                if self._free or not self._reactor.is_alive():
                    raise AssociationEnded("The association has ended.")
                self._changed.wait(LOOK_EVERY_S)

    def wait(self, timeout: float | None = None) -> bool:
        """Where the thread itself stops, until it may go on."""
        with self._changed:
            self._standing = not self._free
            self._changed.notify_all()
            may_go_on = self._changed.wait_for(self.is_set, timeout)
            self._standing = False
        return may_go_on
