"""Signed results that wait to be delivered, and a worker that delivers them, as a process that a test can kill.

Run as `python -m tests.support.outbox PORT_IS_IN_THE_ROWS`: delivers what is due until it is killed.
"""

import threading
from pathlib import Path
from types import SimpleNamespace

from tests.support import intake as given
from tests.support import spines
from tests.support.reviews import confirmed
from tests.support.small_results import Result, result
from vfx_finder import bootstrap
from vfx_finder.dicom.headers import read_header
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DestinationFacts, Pace, Protocol
from vfx_finder.domain.identity import Uid
from vfx_finder.domain.review import Review
from vfx_finder.domain.roles import Role
from vfx_finder.domain.spine import Level
from vfx_finder.spool import Spool

KINDS = frozenset({Kind.SC, Kind.SR})
PACE = Pace(first_wait_s=1, longest_wait_s=2, tries=50, proof_wait_s=1, proof_tries=50)


def somebody(role: Role) -> Actor:
    """A person of this role with an account."""
    from vfx_finder.accounts.models import User

    return User.objects.get_or_create(username=f"{role}.one", defaults={"role": role})[0].actor


def destination(name: str = "PACS", port: int = 104, changes: int | None = None, **other: object) -> int:
    """Set up a DICOM archive on this machine, or what `other` makes of it, anew or as it `changes` one; its id."""
    from vfx_finder.actions.delivery import keep_destination

    facts = {"protocol": Protocol.DICOM, "AETitle": "ARCHIVE", "host": "127.0.0.1", "port": port, "kinds": KINDS}
    wanted = DestinationFacts(name, **(facts | other))
    return keep_destination(wanted, somebody(Role.OPERATOR), given.NOW, destination_id=changes).pk


def signed(study: int = 1) -> int:
    """Receive, analyse and sign a study with one fracture; its case."""
    from vfx_finder.actions import analysis, intake, review
    from vfx_finder.ledger.models import Case

    intake.receive(given.instance(1, study), given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(60))
    case = Case.objects.get(StudyInstanceUID=f"{given.ROOT}.{study}")
    analysis.record(case.pk, case.generation, spines.analysis({Level.L1: 2}), given.later(90))
    reader = somebody(Role.RADIOLOGIST)
    review.sign(case.pk, Review((confirmed(Level.L1, 2),), reader.name, given.later(120)), reader, given.later(120))
    return case.pk


def received(files: list[Path], spool: Spool) -> int:
    """Keep these files of one study, with their rows, and settle it; its case."""
    from vfx_finder.actions import intake
    from vfx_finder.ledger.models import Case

    for file in files:
        header, content = read_header(file), file.read_bytes()
        kept = spool.keep(Uid(header.SOPInstanceUID), content)
        instance = header.received(path=kept.path, sha256=kept.sha256, calling="CT_SCANNER")
        intake.receive(instance, given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(60))
    return Case.objects.get().pk


def small_objects(order: SimpleNamespace) -> list[Result]:
    """One small object of every wanted kind, always the same for the same study."""
    name = order.content.paths[0]
    return [result(kind, name) for kind in sorted(order.kinds)]


def main() -> None:
    """Deliver until killed."""
    settings = bootstrap.begin()
    from pipelines.deliveries import Post, delivering
    from pipelines.outgoing import Station

    post = Post(Spool(Path(settings.spool_dir)), small_objects, Station(settings.ae_title), PACE)
    with delivering(post):
        threading.Event().wait()


if __name__ == "__main__":
    main()
