"""How a process of this system begins: logging, then Django. Called by composition roots only."""

import logging
import os
import sys

import django
import structlog

from vfx_finder import embedded_postgres
from vfx_finder.config import Settings, load
from vfx_finder.domain.errors import Broken

TOO_TALKATIVE = ("procrastinate", "pynetdicom", "pydicom")
"""Libraries whose everyday messages would drown ours, or quote headers, that is patients."""


def begin() -> Settings:
    """Set up logging and Django for this process and return its settings. May be called again without effect."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vfx_finder.settings")
    settings = load()
    _log_to_stderr(settings.log_level)
    django.setup()
    return settings


def require_database(settings: Settings) -> None:
    """Raise `Broken`, with what to do about it, unless the database answers."""
    if embedded_postgres.answers(settings.database):
        return
    if settings.database_url:
        raise Broken("The database at VFX_DATABASE_URL does not answer.")
    raise Broken("The private database is not running: start `vfx-finder up`, or set VFX_DATABASE_URL.")


def _log_to_stderr(level: str) -> None:
    """One line of key=value pairs an event, through structlog and the standard library alike."""
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
