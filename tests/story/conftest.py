"""Browsers for the stories."""

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a file's stories. Its loop lives in this thread, so Django is told that rows here are meant.

    Not for longer: whatever test came next in this process could not run a loop of its own.
    """
    from tests.support import pages

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    yield from pages.chromium()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def brief_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The live server keeps no connection after an answer, and has answered everybody before the tables are emptied."""
    from django.db import connections

    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    yield
    until = time.monotonic() + 120
    while any(one.name.endswith("(process_request_thread)") for one in threading.enumerate()):
        assert time.monotonic() < until, "the live server still answers a browser that has been closed"
        time.sleep(0.02)


@pytest.fixture
def somebody(brief_connections: None, chromium: Browser, live_server: object) -> Iterator[Callable[..., object]]:
    """Another person at another screen; `scripts=False` for a browser without JavaScript."""
    from tests.support.pages import Person

    contexts = []

    def sits_down(name: str, scripts: bool = True) -> Person:
        small = {"width": 1366, "height": 768}
        context = chromium.new_context(viewport=small, java_script_enabled=scripts, reduced_motion="reduce")
        contexts.append(context)
        person = Person(context.new_page(), live_server.url)
        person.signs_in(name)
        return person

    yield sits_down
    for context in contexts:
        context.close()
