"""An invented hospital that tells of its patients, and what the system does with it."""

from dataclasses import replace

from tests.support import intake as given
from vfx_finder.actions import hospital
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.study import Patient
from vfx_finder.ledger.models import AuditEvent, Referral

HOSPITAL = Actor.process("hospital listener")


def patient(number: str = "P1", issuer: str = "HOSP", **more: str) -> Patient:
    """A patient whose number the hospital has given out."""
    return replace(given.patient(number), IssuerOfPatientID=issuer, **more)


def hear(content: bytes, seconds: float = 200) -> hospital.Heard:
    """A message comes so many seconds after everything began."""
    return hospital.hear(content, HOSPITAL, given.later(seconds))


def verbs(row: Referral) -> list[str]:
    """What the audit trail says was done with a referral."""
    return [event.verb for event in AuditEvent.objects.filter(referral=row)]
