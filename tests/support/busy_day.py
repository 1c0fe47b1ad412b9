"""A hospital's day in the rows: made-up patients in every state, put there through the same actions as real ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.support import spines
from vfx_finder.accounts.models import User
from vfx_finder.actions import analysis, intake, referral, review
from vfx_finder.actions.analysis import Failure
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.flow import ReferralState
from vfx_finder.domain.referral import NotForFlsReason
from vfx_finder.domain.review import Review
from vfx_finder.domain.roles import Role
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Instance, Patient, Reason
from vfx_finder.ledger import queries
from vfx_finder.ledger.models import Case, Referral
from vfx_finder.reading.draft import proposed

PASSWORD = "a long enough phrase"
LISTENER = Actor.process("listener")
ROOT = "1.2.826.0.1.3680043.10.2"
L = Level


@dataclass(frozen=True)
class Somebody:
    """One made-up patient and their study."""

    number: int
    name: str
    sex: str
    born: str
    description: str = "CT chest abdomen pelvis"
    Modality: str = "CT"

    @property
    def patient(self) -> Patient:
        """As the headers would say it."""
        return Patient(f"77{self.number:05d}", "", self.name, self.born, self.sex, "")


WAITING: tuple[tuple[Somebody, Mapping[Level, int], Level | None], ...] = (
    (Somebody(1, "HARTLEY^MARGARET", "F", "19480312"), {L.T8: 1, L.T12: 2, L.L1: 3}, None),
    (Somebody(2, "OKONKWO^GRACE", "F", "19510928", "CT thorax with contrast"), {L.L2: 3}, L.L2),
    (Somebody(3, "WHITFIELD^ARTHUR^J", "M", "19440605", "CT abdomen pelvis"), {L.T7: 2, L.T11: 2}, None),
    (Somebody(4, "ROSSI^ELENA", "F", "19600117", "CT urogram"), {L.L1: 2}, None),
    (Somebody(5, "DUNNE^PATRICK", "M", "", "CT pulmonary angiogram"), {L.T9: 2, L.T10: 1}, None),
)

CLEAR: tuple[tuple[Somebody, Mapping[Level, int]], ...] = (
    (Somebody(11, "ABBOTT^JOHN", "M", "19570208"), {}),
    (Somebody(12, "SINGH^PRIYA", "F", "19661130", "CT colonogram"), {L.T6: 1}),
)

SIGNED: tuple[tuple[Somebody, Mapping[Level, int], int, tuple[ReferralState, ...]], ...] = (
    (Somebody(21, "FLEMING^DOROTHY", "F", "19410523"), {L.T11: 3, L.L1: 3, L.L3: 2}, 96, (ReferralState.ACCEPTED,)),
    (
        Somebody(22, "NAKAMURA^KEIKO", "F", "19490714"),
        {L.T12: 3},
        66,
        (ReferralState.ACCEPTED, ReferralState.CONTACTED),
    ),
    (Somebody(23, "BARKER^STANLEY", "M", "19460302"), {L.T8: 2, L.T12: 2}, 12, ()),
    (Somebody(24, "OSEI^AMA", "F", "19590819", "CT renal tract"), {L.L2: 2}, 3, ()),
    (Somebody(25, "PETERSEN^INGRID", "F", "19531201"), {L.T10: 2}, 41, (ReferralState.ACCEPTED,)),
    (Somebody(26, "VAUGHAN^GLYN", "M", "", "CT kidneys ureters bladder"), {L.L1: 2}, 1, ()),
    (
        Somebody(27, "MORALES^CARMEN", "F", "19450406"),
        {L.T9: 3, L.T12: 2},
        140,
        (ReferralState.ACCEPTED, ReferralState.CONTACTED, ReferralState.ASSESSED, ReferralState.TREATMENT_DECIDED),
    ),
)

NOT_ANALYSED: tuple[tuple[Somebody, Reason, str], ...] = (
    (
        Somebody(31, "BENNETT^IRIS", "F", "19500101", "XR lumbar spine", "DX"),
        Reason.NO_XRAY_MODEL,
        "X-rays are received and kept.",
    ),
    (Somebody(32, "KAUR^HARJIT", "M", "19630909", "CT head"), Reason.NO_SPINE, "No vertebral body in 32 slices."),
    (Somebody(33, "LOWE^EDITH", "F", "19420515", "CT abdomen 10 mm"), Reason.SLICES_TOO_THICK, "Slices of 10.0 mm."),
)


def people(password: str | None = PASSWORD) -> dict[Role, User]:
    """A radiologist, a nurse and an operator, all with the same made-up password, or with none (quicker)."""
    names = {
        Role.RADIOLOGIST: ("dr.lee", "Min-ji", "Lee"),
        Role.NURSE: ("n.adams", "Nora", "Adams"),
        Role.OPERATOR: ("ops", "Omar", "Paz"),
    }
    return {
        role: User.objects.create_user(name, password=password, role=role, first_name=first, last_name=last)
        for role, (name, first, last) in names.items()
    }


def fill(staff: Mapping[Role, User], now: datetime | None = None) -> None:
    """Everybody of this page, in the states that their lists say."""
    today = now or datetime.now(UTC)
    for hours, (who, grades, unsure) in enumerate(WAITING, 1):
        flagged(who, today - timedelta(hours=3.3 * hours), grades, unsure)
    for days, (who, grades) in enumerate(CLEAR, 1):
        flagged(who, today - timedelta(days=days), grades)
    for who, grades, days, steps in SIGNED:
        _signed(who, grades, (today - timedelta(days=days), staff, steps))
    for minutes, (who, reason, detail) in enumerate(NOT_ANALYSED, 1):
        case = received(who, today - timedelta(minutes=47 * minutes), settled=True)
        analysis.record(
            case.pk, case.generation, spines.not_analysed(reason, detail), case.last_instance_at + timedelta(seconds=66)
        )
    broken = received(Somebody(34, "GRANT^DOUGLAS", "M", "19550722"), today - timedelta(hours=5), settled=True)
    analysis.fail(
        broken.pk,
        broken.generation,
        Failure.BROKEN,
        "ValueError in measure",
        broken.received_at + timedelta(seconds=80),
    )
    received(Somebody(35, "NOVAK^JANA", "F", "19520630"), today - timedelta(seconds=20), settled=False)


def flagged(who: Somebody, at: datetime, grades: Mapping[Level, int], unsure: Level | None = None) -> Case:
    """A study received at this moment and analysed with these grades."""
    return analysed(who, at, spines.analysis(grades, unsure))


def analysed(who: Somebody, at: datetime, found: Analysis) -> Case:
    """A study received at this moment, with this analysis a minute later."""
    case = received(who, at, settled=True)
    analysis.record(case.pk, case.generation, found, at + timedelta(seconds=71))
    case.refresh_from_db()
    return case


def received(who: Somebody, at: datetime, settled: bool) -> Case:
    """A study received at this moment, three instances, and settled a minute later where wanted."""
    uid = f"{ROOT}.{who.number}"
    for number in range(1, 4):
        slice_ = Instance(
            patient=who.patient,
            StudyInstanceUID=uid,
            SeriesInstanceUID=f"{uid}.1",
            SOPInstanceUID=f"{uid}.1.{number}",
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
            Modality=who.Modality,
            path=f"{who.number}/{number}.dcm",
            sha256=f"{who.number * 1000 + number:064x}",
            calling="CT_SCANNER_2",
            StudyDate=f"{at:%Y%m%d}",
            StudyDescription=who.description,
            AccessionNumber=f"A{9000 + who.number}",
            ReferringPhysicianName="CARTER^HELEN^^DR",
        )
        intake.receive(slice_, LISTENER, at + timedelta(seconds=number), 60)
    if settled:
        intake.settle_due(at + timedelta(seconds=64))
    return Case.objects.get(StudyInstanceUID=uid)


def _signed(who: Somebody, grades: Mapping[Level, int], way: tuple[datetime, Mapping[Role, User], tuple]) -> None:
    at, staff, steps = way
    case = flagged(who, at - timedelta(hours=6), grades)
    file = queries.study(case.pk)
    reader, nurse = staff[Role.RADIOLOGIST].actor, staff[Role.NURSE].actor
    read = Review(proposed(file.analysis.findings).decisions(), reader.name, at)
    review.sign(case.pk, read, reader, at)
    for number, state in enumerate(steps, 1):
        referral.move(Referral.objects.get(case=case).pk, state, nurse, at + timedelta(days=5 * number))
    if steps:
        words = "Rang the patient; agreed to come in. Lives alone, daughter can drive. Back pain since the spring."
        referral.note(Referral.objects.get(case=case).pk, words, nurse, at + timedelta(days=6, hours=2))


def decline(case: Case, nurse: Actor, at: datetime) -> None:
    """A referral that ends as not for FLS."""
    referral.not_for_fls(Referral.objects.get(case=case).pk, NotForFlsReason.ALREADY_UNDER_FLS, nurse, at)
