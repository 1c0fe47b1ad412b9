"""How a process of this system begins: logging, then Django. Called by composition roots only."""

import logging
import os
import sys
import threading
import traceback
import warnings

import django
import structlog
from structlog.typing import EventDict, Processor

from vfx_finder import embedded_postgres
from vfx_finder.config import Settings, load
from vfx_finder.domain.errors import Broken

TOO_TALKATIVE = ("procrastinate",)
"""Libraries whose everyday messages would drown ours."""
ADDRESSED = "django.request"
"""Names the address of a request that was refused, which holds a StudyInstanceUID where it was a STOW-RS request: only
what broke is heard from it."""
INDISCREET = ("pynetdicom", "pydicom", "highdicom")
"""Libraries whose messages and warnings quote headers, that is patients: never heard, at no level."""


def begin() -> Settings:
    """Set up logging and Django for this process and return its settings. May be called again without effect."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vfx_finder.settings")
    settings = load()
    _log_to_stderr(settings)
    _hush_the_indiscreet()
    _hear_of_dead_threads()
    django.setup()
    return settings


def require_database(settings: Settings) -> None:
    """Raise `Broken`, with what to do about it, unless the database answers."""
    if embedded_postgres.answers(settings.database):
        return
    if settings.database_url:
        raise Broken("The database at VFX_DATABASE_URL does not answer.")
    raise Broken("The private database is not running: start `vfx-finder up`, or set VFX_DATABASE_URL.")


def _log_to_stderr(settings: Settings) -> None:
    """One line an event, of key=value pairs or as a JSON object, through structlog and the standard library alike."""
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings.log_format)],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _renderers(log_format: str) -> list[Processor]:
    if log_format == "json":
        return [_discreet, structlog.processors.JSONRenderer(sort_keys=True)]
    return [_discreet, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _discreet(_logger: object, _method: str, event: EventDict) -> EventDict:
    """An exception as its type and the way to it, without its words: PostgreSQL quotes whole rows, that is patients."""
    told = event.pop("exc_info", None)
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["exception"] = "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
    return event


def _hear_of_dead_threads() -> None:
    """A thread that ends by an error is told of like any error; Python itself would write its words to the log."""
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _tell_of_dead_thread


def _tell_of_dead_thread(died: threading.ExceptHookArgs) -> None:
    name = died.thread.name if died.thread else ""
    structlog.get_logger(__name__).error("thread-died", thread=name, exc_info=died.exc_value)


def _hush_the_indiscreet() -> None:
    logging.getLogger(ADDRESSED).setLevel(logging.ERROR)
    for name in INDISCREET:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        warnings.filterwarnings("ignore", module=name)
