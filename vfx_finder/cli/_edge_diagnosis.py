"""What `vfx-finder doctor` asks about the network: ports, senders, certificates, and whoever gets results.

The database is asked in plain SQL, so that an installation that is half up, or too old, is told of too.
"""

import errno
import http.client
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from vfx_finder.cli._answer import Answer, Verdict
from vfx_finder.config import Settings
from vfx_finder.domain.errors import Broken
from vfx_finder.domain.sender import AcceptList, Sender, is_loopback

MIGRATIONS = Path(__file__).resolve().parents[1] / "ledger" / "migrations"
CONNECT_SECONDS = 10
ALIVE_SECONDS = 60
EXPIRES_SOON_DAYS = 30
"""A hospital's certificate authority needs weeks, not days."""
NOT_RUNNING = "the database is not running, so nothing is known"


def tables(settings: Settings) -> Answer:
    """Are the tables those of this version of the software?"""
    name = "tables"
    known = rows_of(settings, "SELECT name FROM django_migrations WHERE app = 'ledger'")
    if known is None:
        return Answer(name, Verdict.GOOD, "made at the first start, or not to be seen while the database is away")
    wanted = {path.stem for path in MIGRATIONS.glob("[0-9]*.py")}
    there = {row[0] for row in known}
    if wanted - there:
        return Answer(name, Verdict.FAILURE, "older than this software", "Stop everything, then `vfx-finder up`.")
    if there - wanted:
        return Answer(name, Verdict.FAILURE, "newer than this software", "Install the version that made them.")
    return Answer(name, Verdict.GOOD, f"of this version ({max(wanted)})")


def dicom_port(settings: Settings) -> Answer:
    """Can the listener have its port, or does it already?"""
    return _port(
        "DICOM port", (settings.dicom_host, settings.dicom_port, "VFX_DICOM_PORT"), lambda: _lives("listener", settings)
    )


def web_port(settings: Settings) -> Answer:
    """Can the pages have their port, or do they already?"""
    return _port("web port", (settings.web_host, settings.web_port, "VFX_WEB_PORT"), lambda: _shows_pages(settings))


def hl7_port(settings: Settings) -> Answer:
    """Can messages of the hospital's other systems be heard, where that is wanted?"""
    if settings.hl7_port is None:
        return Answer("HL7 port", Verdict.GOOD, "not wanted (VFX_HL7_PORT is not set)")
    place = (settings.hl7_host, settings.hl7_port, "VFX_HL7_PORT")
    return _port("HL7 port", place, lambda: _lives("hospital", settings))


def _port(name: str, place: tuple[str, int, str], is_ours: Callable[[], bool]) -> Answer:
    """Free, ours, another program's, or not to be had."""
    host, port, setting = place
    try:
        with socket.create_server((host, port)):
            return Answer(name, Verdict.GOOD, f"{host}:{port} is free")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return Answer(name, Verdict.FAILURE, f"{host}:{port}: {os.strerror(error.errno or 0)}", f"Set {setting}.")
    if is_ours():
        return Answer(name, Verdict.GOOD, f"{host}:{port} is ours, and answers")
    advice = f"Fine if vfx-finder has just been started; otherwise stop the other program or set {setting}."
    return Answer(name, Verdict.WARNING, f"{host}:{port} is in use", advice)


def _lives(part: str, settings: Settings) -> bool:
    """Whether a process of this part has given a sign of life."""
    return any(process.startswith(part) for process in _alive(settings) or ())


def _shows_pages(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.web_host in {"0.0.0.0", "::", ""} else settings.web_host
    connection = http.client.HTTPConnection(host, settings.web_port, timeout=CONNECT_SECONDS)
    named = [one for one in settings.allowed_hosts if one[0] not in ".*"]
    try:
        connection.request("GET", "/health", headers={"Host": named[0] if named else "localhost"})
        return b'"status"' in connection.getresponse().read(200)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def processes(settings: Settings) -> Answer:
    """Do listener and worker give signs of life?"""
    alive = _alive(settings)
    if alive is None:
        return Answer("processes", Verdict.GOOD, NOT_RUNNING)
    wanted = ["listener", "worker", *(["hospital"] if settings.hl7_port is not None else [])]
    missing = [part for part in wanted if not any(one.startswith(part) for one in alive)]
    if missing:
        found = f"no sign of life from the {' and the '.join(missing)}"
        return Answer("processes", Verdict.WARNING, found, "`vfx-finder up`; their logs are in the data folder.")
    return Answer("processes", Verdict.GOOD, ", ".join(sorted(alive)))


def _alive(settings: Settings) -> set[str] | None:
    """Names of the processes heard within a minute; None where the database cannot be asked."""
    told = rows_of(
        settings,
        "SELECT process FROM ledger_heartbeat WHERE at > clock_timestamp() - %s * interval '1 second'"
        " UNION SELECT 'worker' FROM procrastinate_workers"
        " WHERE last_heartbeat > clock_timestamp() - %s * interval '1 second'",
        (ALIVE_SECONDS, ALIVE_SECONDS),
    )
    return None if told is None else {row[0] for row in told}


def senders(settings: Settings) -> Answer:
    """Who may send? Nobody is a failure: then every study is refused."""
    accept = accept_list(settings)
    add = "Add senders on the page Sources, or set VFX_ACCEPTED_CALLING_AE_TITLES."
    if accept is None:
        named = settings.accepted_calling_ae_titles
        if named:
            return Answer("senders", Verdict.GOOD, ", ".join(named))
        known = ", unless the pages name senders: the database is not running"
        return Answer("senders", Verdict.WARNING, _without_senders(settings) + known, add)
    named = tuple(sorted(sender.AETitle for sender in accept.senders if sender.enabled))
    if named:
        return Answer("senders", Verdict.GOOD, ", ".join(named))
    if accept.senders:
        return Answer("senders", Verdict.FAILURE, "every sender is switched off, so nobody may send", add)
    verdict = Verdict.WARNING if accept.anybody else Verdict.FAILURE
    return Answer("senders", verdict, _without_senders(settings), add)


def accept_list(settings: Settings) -> AcceptList | None:
    """Who may call, as `actions.senders.accept_list_of` reads it; None while the database is away."""
    kept = rows_of(settings, 'SELECT "AETitle", host, enabled FROM ledger_sender')
    if kept is None:
        return None
    rows = tuple(Sender(*row) for row in kept)
    known = {row.AETitle for row in rows}
    named = tuple(Sender(title) for title in settings.accepted_calling_ae_titles if title not in known)
    return AcceptList(rows + named, anybody=_is_open(settings))


def _is_open(settings: Settings) -> bool:
    return settings.accept_any_sender or is_loopback(settings.dicom_host)


def _without_senders(settings: Settings) -> str:
    if is_loopback(settings.dicom_host):
        return "any AE title may send, from this machine alone"
    if _is_open(settings):
        return "any AE title may send, from anywhere on the network"
    return "no sender is set up, so nobody may send"


def certificates(settings: Settings) -> Answer:
    """Can the listener speak TLS, if it is to, and for how long?"""
    from dicom_listener.tls import TlsFiles, context_of, valid_until

    name, named = "TLS", (settings.tls_certificate, settings.tls_key, settings.tls_client_authorities)
    certificate, key, authorities = named
    if not any(named):
        plain = Verdict.GOOD if is_loopback(settings.dicom_host) else Verdict.WARNING
        advice = "" if plain is Verdict.GOOD else "Fine on a network of its own; otherwise set VFX_TLS_CERTIFICATE."
        return Answer(name, plain, "DICOM is spoken without TLS", advice)
    if certificate is None or key is None or authorities is None:
        advice = "Set VFX_TLS_CERTIFICATE, VFX_TLS_KEY and VFX_TLS_CLIENT_AUTHORITIES, all three."
        return Answer(name, Verdict.FAILURE, "only part of what TLS needs is named", advice)
    try:
        context_of(TlsFiles(certificate, key, authorities))
        until = valid_until(certificate)
    except Broken as error:
        return Answer(name, Verdict.FAILURE, str(error), "Look at the files: PEM, readable by this user, key to match.")
    return _lasting(name, (until - datetime.now(UTC)).days)


def _lasting(name: str, days: int) -> Answer:
    renew = "Put a new certificate in its place; the listener takes it up without a restart."
    if days < 0:
        return Answer(name, Verdict.FAILURE, f"the certificate expired {-days} days ago", renew)
    if days < EXPIRES_SOON_DAYS:
        return Answer(name, Verdict.WARNING, f"the certificate expires in {days} days", renew)
    return Answer(name, Verdict.GOOD, f"certificate and key belong together, {days} days left")


def pages(settings: Settings) -> Answer:
    """Are sign-ins protected where the pages can be reached from the network?"""
    if settings.secure_cookies:
        return Answer("sign-in", Verdict.GOOD, "cookies over https only")
    if is_loopback(settings.web_host):
        return Answer("sign-in", Verdict.GOOD, "this machine only")
    return Answer(
        "sign-in", Verdict.WARNING, "pages on the network without https", "Put TLS before it, set VFX_SECURE_COOKIES."
    )


def destinations(settings: Settings) -> Answer:
    """What did each system that gets results answer last?"""
    asked = "SELECT name, last_tried_at, last_ok_at, last_answer FROM ledger_destination WHERE enabled ORDER BY name"
    return _answers(settings, "destinations", asked, "none: results stay here")


def archives(settings: Settings) -> Answer:
    """What did each archive that is asked for studies answer last?"""
    asked = "SELECT name, last_tried_at, last_ok_at, last_answer FROM ledger_archive WHERE enabled ORDER BY name"
    return _answers(settings, "archives", asked, "none: nothing is asked for")


def _answers(settings: Settings, name: str, asked: LiteralString, none: str) -> Answer:
    rows = rows_of(settings, asked)
    if rows is None:
        return Answer(name, Verdict.GOOD, NOT_RUNNING)
    if not rows:
        return Answer(name, Verdict.GOOD, none)
    unwell = [_unwell(*row) for row in rows]
    found = "; ".join(words for words in unwell if words)
    if found:
        return Answer(name, Verdict.WARNING, found, f"Try it on the page {name.capitalize()}.")
    return Answer(name, Verdict.GOOD, f"{', '.join(row[0] for row in rows)}: the last answer was yes")


def _unwell(name: str, tried: datetime | None, ok: datetime | None, words: str) -> str:
    """What is wrong with one system, "" where it said yes last."""
    if tried is None:
        return f"{name} was never asked"
    return "" if ok is not None and ok >= tried else f"{name}: {words or 'no answer'}"


def rows_of(settings: Settings, asked: LiteralString, values: Sequence[Any] = ()) -> list[tuple[Any, ...]] | None:
    """What the database answers; None where it is away, or its tables have not been made."""
    with (
        suppress(psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn),
        psycopg.connect(settings.database, connect_timeout=CONNECT_SECONDS) as connection,
    ):
        return connection.execute(asked, values).fetchall()
    return None
