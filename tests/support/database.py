"""The tests' PostgreSQL: the private server of production, one for all processes of a test run, started when needed.

Importing this points Django at a throw-away data directory before anything reads the settings; the processes of xdist
share the one of their parent, each with a database of its own.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from vfx_finder import embedded_postgres

IS_CHILD = "PYTEST_XDIST_WORKER" in os.environ
DATA_DIR = Path(os.environ["VFX_DATA_DIR"] if IS_CHILD else tempfile.mkdtemp(prefix="vfx-tests-"))

POSTGRES = DATA_DIR / "postgres"

for _name in [name for name in os.environ if name.startswith("VFX_")]:
    del os.environ[_name]
os.environ["VFX_DATA_DIR"] = str(DATA_DIR)
os.environ["VFX_SECRET_KEY"] = "for tests only"
os.environ["DJANGO_SETTINGS_MODULE"] = "vfx_finder.settings"
assert settings.INSTALLED_APPS, "read now: pytest-django sets Django up where the settings are in use"


@pytest.fixture(scope="session")
def postgres() -> str:
    """The address of a running private PostgreSQL; it ends with the test run."""
    embedded_postgres.start(POSTGRES, durable=False)
    return embedded_postgres.address(POSTGRES)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres: str, django_db_modify_db_settings_parallel_suffix: None) -> None:
    """pytest-django makes its test database on the private server."""


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Only the whole server is dropped at the end: a session that a killed process left open cannot stop that."""
    return True


@pytest.fixture
def committed_db(transactional_db: None) -> Iterator[None]:
    """A database where transactions really commit, for tests with jobs and other processes; empty of jobs before.

    And after: whoever counts jobs in a transaction that is rolled back would count what was left here.
    """
    _without_jobs()
    yield
    _without_jobs()


def _without_jobs() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_periodic_defers CASCADE")


@pytest.fixture(autouse=True)
def jobs_of_this_test_alone(request: pytest.FixtureRequest) -> None:
    """Tests with pages commit jobs, and Django's emptying of tables leaves those of the job queue alone."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or marker.kwargs.get("transaction") or "transactional_db" in request.fixturenames:
        return
    request.getfixturevalue("db")
    _without_jobs()


@pytest.fixture
def database_url(committed_db: None) -> str:
    """The address of the test database, for the environment of another process."""
    from django.db import connection

    options = connection.settings_dict
    return f"postgresql://{options['USER']}@/{options['NAME']}?host={options['HOST']}&port={options['PORT']}"


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    if IS_CHILD:
        return
    if POSTGRES.exists():
        embedded_postgres.stop(POSTGRES)
    shutil.rmtree(DATA_DIR, ignore_errors=True)
