"""Taking turns with the thread that pynetdicom runs for every association that we open ourselves.

That thread takes whatever comes. Before a request goes out pynetdicom clears an event to stop it, and believes that it
has stopped as soon as a flag is up. But the flag goes up before the thread stops and down a moment after it went on: a
thread that passed the event just before looks stopped, goes on, takes an answer that comes very fast, and whoever asked
waits in vain until the time is up. Seen once in a thousand images that were sent to a fast receiver. In the same way
that thread takes the word that the connection has ended, which is meant for whoever waits for an answer.

An N-EVENT-REPORT is answered by a thread of its own, which nothing stops: an association that is released meanwhile
would send its goodbye first and then fall over the answer, for which it is too late.
"""

import queue
import threading
from typing import Any

ENDED = (None, None)
"""What pynetdicom puts among the messages of an association when its connection has ended."""
LOOK_EVERY_S = 0.01
"""How often is looked whether the thread has died, which tells nobody."""


class AssociationEnded(RuntimeError):
    """The association ended before the request went out. pynetdicom raises `RuntimeError` for one that has ended."""


def take_turns(association: Any) -> None:
    """Make this pynetdicom `Association` safe to ask by; call it as soon as it is open, before anything is asked."""
    association._reactor_checkpoint = Turns(association)
    _leave_the_end_to_who_waits(association.dimse.msg_queue, association)
    _answer_before_release(association)


class Turns(threading.Event):
    """Stands in for pynetdicom's event: `clear` returns only when the thread of the association really stands still."""

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
            self._free, self._standing = True, False
            self._changed.notify_all()

    def clear(self) -> None:
        """Stop the thread; back when it stands, after a whole round since it was last let go: so it knows of any end.

        Raises `AssociationEnded` where the association has ended or ends meanwhile.
        """
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
            # `set` takes it off the place where it stands, even if `clear` follows before it wakes up.
            may_go_on = self._changed.wait_for(lambda: not self._standing, timeout)
            self._standing = False
        return may_go_on


def _leave_the_end_to_who_waits(messages: Any, reactor: threading.Thread) -> None:
    take = messages.get

    def get(block: bool = True, timeout: float | None = None) -> object:
        message = take(block, timeout)
        if message == ENDED:
            messages.put(message)  # whoever asks later is told as well, and does not wait
            if threading.current_thread() is reactor:
                raise queue.Empty
        return message

    messages.get = get


def _answer_before_release(association: Any) -> None:
    """What has reached a handler is answered before the goodbye, unless that takes longer than an answer may."""
    serve, release = association._serve_request, association.release
    serving: list[object] = []
    changed = threading.Condition()

    def counted(message: object, context_id: int) -> None:
        with changed:
            serving.append(message)
        try:
            serve(message, context_id)
        finally:
            with changed:
                serving.remove(message)
                changed.notify_all()

    def release_when_answered() -> None:
        with changed:
            changed.wait_for(lambda: not serving, association.dimse_timeout)
        release()

    association._serve_request, association.release = counted, release_when_answered
