"""Studies whose images really lie in a spool, brought as C-STORE brings them; and a removal that is killed half-way.

Run as `python -m tests.support.kept_images CASE DEATH`: removes the images of this study and kills itself with SIGKILL
before file number DEATH leaves, or, where there are fewer, before the removal has ended.
"""

import os
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.support import dicom, spines
from tests.support import intake as given
from vfx_finder.actions.keeping import Keeper, keep_and_record
from vfx_finder.dicom.part10 import taken_apart
from vfx_finder.dicom.whole import checked
from vfx_finder.domain.retention import Rule
from vfx_finder.spool import Spool

SLICES = 4
RULE = Rule(days=30)
LATE = 40 * 86_400.0
"""Seconds after the tests' morning: older than the rule."""


@dataclass
class Sender:
    """Sends the slices of studies, each of its own patient, into one spool."""

    spool: Spool
    patients: dict[str, str] = field(default_factory=dict)

    def send(self, name: str, numbers: Iterable[int] = range(SLICES), at: float = 0, **headers: object) -> None:
        """These slices of the study of this name, at this many seconds."""
        from vfx_finder.actions import intake

        def receive(instance: object) -> object:
            return intake.receive(instance, given.LISTENER, given.later(at), given.SETTLE)

        person = dicom.Person(PatientID=self.patients.get(name, f"P-{name}"))
        order = dicom.Order(name=name, person=person)
        for number in numbers:
            header, content = checked(*taken_apart(dicom.encoded(dicom.ct_slice(order, number, **headers))))
            keep_and_record(Keeper(self.spool, receive), header, content, "CT_SCANNER")

    def finished(self, name: str, *, flagged: bool = False) -> int:
        """The same, settled and analysed: not flagged, unless that is wanted; its case."""
        from vfx_finder.actions import analysis, intake
        from vfx_finder.ledger.models import Case

        self.send(name)
        intake.settle_due(given.later(60))
        case = Case.objects.order_by("pk").last()
        grades = {spines.Level.L1: 2} if flagged else {}
        analysis.record(case.pk, case.generation, spines.analysis(grades), given.later(90))
        no_jobs()
        return int(case.pk)

    def files(self) -> set[str]:
        """What lies in the spool under a final name."""
        return {f"{file.parent.name}/{file.name}" for file in self.spool.root.glob("??/*.dcm")}


def no_jobs() -> None:
    """The workers have done what was asked; nothing of it is left, also where transactions really commit."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def main(words: Sequence[str]) -> None:
    """A removal that dies."""
    from vfx_finder import bootstrap

    settings = bootstrap.begin()
    case_id, death = (int(word) for word in words)
    from vfx_finder.actions import retention

    class Dying(Spool):
        left = 0

        def remove(self, path: str) -> bool:
            if self.left == death:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left += 1
            return super().remove(path)

        def sync(self, paths: Iterable[str]) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

    now = datetime.fromisoformat(os.environ["NOW"])
    retention.remove_images(case_id, Dying(settings.spool_dir), RULE, retention_actor(), now)


def retention_actor() -> object:
    """The worker, as far as images are concerned."""
    from vfx_finder.domain.actor import Actor

    return Actor.process("retention")


if __name__ == "__main__":
    main(sys.argv[1:])
