"""Every setting of the system: one frozen object, read once from the environment (prefix `VFX_`) and handed in."""

import os
import secrets
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vfx_finder import embedded_postgres
from vfx_finder.domain.delivery import Pace
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.hours import Hours

SECRET_BYTES = 48
ZONES = Path("/usr/share/zoneinfo")
"""Where the system keeps what it knows of time zones; Django looks there too."""


def _comma_separated(value: object) -> object:
    """A comma-separated string as a tuple of its non-empty parts."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _hours(value: str) -> str:
    """Hours as they are written. Raises `ValueError` for what no day has."""
    try:
        return str(Hours.parse(value))
    except WrongState as error:
        raise ValueError(str(error)) from None


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses or networks in their usual spelling. Raises `ValueError` for what is neither."""
    return tuple(str(ip_network(one, strict=False)) for one in value)


HospitalName = Annotated[str, Field(max_length=227, pattern=r"^[^\x00-\x1f]*$")]
"""An application or facility in HL7 (type HD): a name, or `name^universal ID^its type`."""
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]


class Settings(BaseSettings):
    """What an installation may choose. Every field is the environment variable `VFX_<FIELD>`.

    `accepted_calling_ae_titles` and `allowed_hosts` are comma-separated. An accept list that is empty, here and in the
    pages, accepts every sender on loopback or where `accept_any_sender` says so, and nobody otherwise.
    """

    model_config = SettingsConfigDict(env_prefix="VFX_", frozen=True, extra="ignore")

    data_dir: Path = Path("vfx-data")
    """Everything this installation keeps: received files, the private PostgreSQL, logs, the secret key."""
    database_url: str | None = None
    """`postgresql://...` of an existing server; without it a private PostgreSQL runs under `data_dir`."""
    secret_key: str | None = None
    """Signs sessions; without it one is generated once and kept in `data_dir`."""

    ae_title: Annotated[str, Field(min_length=1, max_length=16)] = "VFXFINDER"
    dicom_host: str = "127.0.0.1"
    dicom_port: Annotated[int, Field(ge=0, le=65535)] = 11112
    accepted_calling_ae_titles: Names = ()
    accept_any_sender: bool = False
    """Let everybody in while no sender is set up, also where other machines can reach the listener."""
    called_ae_titles: Names = ()
    """Titles besides `ae_title` that a caller may ask for; with none of them any title is answered."""
    listener_processes: Annotated[int, Field(ge=1, le=32)] = 2
    most_associations: Annotated[int, Field(ge=1, le=1000)] = 25
    """Open associations in all listener processes together."""
    most_connections_a_minute: Annotated[int, Field(ge=1)] = 3000
    """Of one host."""
    most_object_mb: Annotated[int, Field(ge=1)] = 2048
    """The largest dataset that is taken, in 10^6 bytes."""
    idle_seconds: Annotated[float, Field(gt=0)] = 60.0
    """A peer that says nothing for so long, or does not finish what it began, is cut off."""
    keep_free_mb: Annotated[int, Field(ge=0)] = 1024
    """Below this much free space, in 10^6 bytes, nothing more is received until there is space again."""
    keep_images_days: Annotated[int, Field(ge=0, le=36500)] = 0
    """How long images are kept after the last of their study; 0 = nothing is ever removed (`domain.retention`)."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_authorities: Path | None = None
    """PEM files; with all three the listener speaks only TLS, and with clients whom these authorities vouch for."""
    tls_peer_authorities: Path | None = None
    """A PEM file: who vouches for the systems that results are sent to; without it those of `tls_client_authorities`,
    without these the operating system's."""
    settle_seconds: Annotated[float, Field(gt=0)] = 60.0
    """A study without a new instance for this long is complete enough to be analysed."""

    delivery_wait_seconds: Annotated[float, Field(gt=0)] = 60.0
    """After a failed delivery, doubled each time up to an hour."""
    delivery_tries: Annotated[int, Field(ge=1)] = 48
    """After so many a result is a dead letter, for a person; with the waits above that is two days."""
    commitment_wait_seconds: Annotated[float, Field(gt=0)] = 600.0
    """How long storage commitment is waited for before it is asked for again; doubled each time."""
    uid_root: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$", max_length=34)] = "2.25"
    """Under which the UIDs of result objects are made."""
    institution: Annotated[str, Field(max_length=64)] = ""
    """The organisation for which radiologists sign; stands in the reports."""

    hl7_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Where HL7 v2 messages of the hospital's other systems are heard (MLLP); without it they are not heard."""
    hl7_host: str = "127.0.0.1"
    accepted_hl7_hosts: Names = ()
    """Addresses or networks that may send HL7; needed wherever other machines can reach `hl7_host`."""
    hl7_tls: bool = False
    """Hear HL7 by TLS only, with the three files above."""
    hl7_facility: HospitalName = ""
    """The sending facility (MSH-4) of the results that go out by HL7."""
    hl7_receiving_application: HospitalName = ""
    hl7_receiving_facility: HospitalName = ""
    """To whom they are addressed (MSH-5, MSH-6)."""
    issuer_of_patient_id: str = ""
    """The assigning authority that is meant where an image or a message names none."""

    web_host: str = "127.0.0.1"
    web_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    trusted_proxies: Annotated[Names, AfterValidator(_networks)] = ()
    """Addresses or networks of reverse proxies that are believed about whose requests they hand on."""
    allowed_hosts: Names = ("localhost", "127.0.0.1", "[::1]")
    secure_cookies: bool = False
    """True behind TLS: cookies are then sent over https only."""
    metrics_token: str | None = None
    """Whoever bears it may read /metrics; without it only this machine itself may."""

    off_peak: Annotated[str, AfterValidator(_hours)] = "20-6"
    """Hours of the day, local time, in which studies of the priority off-peak are analysed."""
    stow_max_mb: Annotated[int, Field(gt=0)] = 4096
    """Megabytes of one STOW-RS request."""

    stalled_seconds: Annotated[float, Field(gt=0)] = 15.0
    """A worker without a heartbeat for this long is dead and its study is given to another."""
    operating_point: Literal["screening", "balanced", "specific"] = "balanced"
    """From which probability of a fracture on a study reaches the worklist (`domain.operating_point`)."""
    read_films: bool = False
    """Whether the worker reads lateral radiographs too: research, "suspected, please look", never a grade
    (docs/xray.md)."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["lines", "json"] = "lines"
    """"json" for a log collector: one JSON object a line."""

    @cached_property
    def home(self) -> Path:
        """The data directory as an absolute path."""
        return self.data_dir.expanduser().absolute()

    @property
    def spool_dir(self) -> Path:
        """Where received bytes lie, untouched."""
        return self.home / "spool"

    @property
    def keep_free(self) -> int:
        """`keep_free_mb` in bytes, for `Spool`."""
        return self.keep_free_mb * 1_000_000

    @property
    def hears_tls_only(self) -> bool:
        """Whether the DICOM listener speaks TLS: then nobody is heard who does not."""
        return self.tls_certificate is not None

    @property
    def pace(self) -> Pace:
        """How patiently results are sent."""
        return Pace(
            first_wait_s=self.delivery_wait_seconds,
            tries=self.delivery_tries,
            proof_wait_s=self.commitment_wait_seconds,
        )

    @property
    def log_dir(self) -> Path:
        """Where the parts that `up` supervises write their logs."""
        return self.home / "logs"

    @property
    def postgres_dir(self) -> Path:
        """Where the private PostgreSQL keeps its files, when no `database_url` is set."""
        return self.home / "postgres"

    @property
    def database(self) -> str:
        """The address of the database, private or given."""
        return self.database_url or embedded_postgres.address(self.postgres_dir)

    @property
    def off_peak_hours(self) -> Hours:
        """`off_peak` as hours of the day."""
        return Hours.parse(self.off_peak)

    @cached_property
    def signing_key(self) -> str:
        """The secret that signs sessions: as set, or generated once and kept (mode 0600) in the data directory."""
        return self.secret_key or _kept_secret(self.home / "secret-key")


def _kept_secret(path: Path) -> str:
    """The secret in this file; made first where there is none. Two processes that start at once agree on one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}-{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(SECRET_BYTES))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def machine_zone() -> str:
    """The machine's time zone by name, as TZ or /etc/localtime has it; UTC where neither names one."""
    told = os.environ.get("TZ") or str(Path("/etc/localtime").resolve())
    name = (told.partition("/zoneinfo/")[2] or told).lstrip(":")
    try:
        return ZoneInfo(name).key if (ZONES / name).is_file() or not ZONES.exists() else "UTC"
    except (KeyError, ValueError, OSError):
        return "UTC"


def load() -> Settings:
    """The settings of this process, from its environment."""
    return Settings()
