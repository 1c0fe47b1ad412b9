"""Whoever asks by an association is alone with its answer: the library's own thread stands still meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from vfx_finder.dicom.turns import AssociationEnded, Turns


class Reactor(threading.Thread):
    """A thread that goes round like pynetdicom's: stop if told to, then take what there is."""

    def __init__(self, slowly: float = 0.0) -> None:
        super().__init__(daemon=True)
        self.turns = Turns(self)
        self.slowly, self.rounds, self.over = slowly, 0, False

    def run(self) -> None:
        while not self.over:
            self.turns.wait()
            time.sleep(self.slowly)  # it has passed, and has not taken anything yet
            self.rounds += 1


@contextmanager
def running(reactor: Reactor) -> Iterator[Reactor]:
    reactor.start()
    try:
        yield reactor
    finally:
        reactor.over = True
        reactor.turns.set()
        reactor.join(60)


@pytest.mark.parametrize("slowly", [0.0, 0.0005, 0.02])
def test_a_stopped_thread_takes_nothing_until_it_may_go_on(slowly: float):
    with running(Reactor(slowly)) as reactor:
        for _ in range(20):
            reactor.turns.clear()
            stood_at = reactor.rounds
            time.sleep(0.003)
            assert reactor.rounds == stood_at
            reactor.turns.set()


def test_between_two_requests_it_makes_a_whole_round():
    """Told to go on and to stop again before it woke up, it moves all the same: it must see if the peer has gone."""
    with running(Reactor()) as reactor:
        for _ in range(50):
            reactor.turns.clear()
            stood_at = reactor.rounds
            reactor.turns.set()
            reactor.turns.clear()
            assert reactor.rounds > stood_at


def test_nobody_waits_for_a_thread_that_is_dead():
    reactor = Reactor()
    reactor.start()
    reactor.over = True
    reactor.join(60)
    with pytest.raises(AssociationEnded):
        reactor.turns.clear()


def test_nobody_waits_for_a_thread_that_is_let_go_for_good():
    """pynetdicom ends an association by letting its thread go on; whoever waits for it to stand is told."""
    busy, done = threading.Event(), threading.Event()

    class Busy(Reactor):
        def run(self) -> None:
            self.turns.wait()
            busy.set()
            done.wait(60)

    def let_go() -> None:
        while not done.wait(0.01):
            reactor.turns.set()

    reactor = Busy()
    with running(reactor):
        assert busy.wait(60)
        letting_go = threading.Thread(target=let_go)
        letting_go.start()
        with pytest.raises(AssociationEnded):
            reactor.turns.clear()
        done.set()
        letting_go.join()


def test_the_thread_itself_may_ask_something():
    """It answers a request, and asks something in turn: it does not wait for itself."""
    asked = threading.Event()

    class Asking(Reactor):
        def run(self) -> None:
            self.turns.clear()
            self.turns.set()
            asked.set()

    with running(Asking()):
        assert asked.wait(120)


def test_waiting_may_have_a_limit():
    turns = Turns(threading.current_thread())
    assert turns.wait(0.01)
    turns.clear()
    assert not turns.wait(0.01)
    assert not turns.is_set()
