"""Named questions about the routing table: its rules, and what they say of a study."""

from django.db.models import QuerySet

from vfx_finder.domain.age import age_at_study
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.routing import BY_HAND, SEPARATOR, Rule, Traits, Tried, Verdict, first_fitting, tried
from vfx_finder.domain.study import Patient
from vfx_finder.ledger.models import Case, RoutingRule, StoredInstance


def table() -> QuerySet[RoutingRule]:
    """Every rule in the order in which they are asked, also those that are switched off."""
    return RoutingRule.objects.order_by("position")


def rules() -> tuple[Rule, ...]:
    """The rules in force, in their order."""
    return tuple(rule_of(row) for row in table() if row.enabled)


def traits(case: Case) -> Traits:
    """What the rules see of a received study."""
    sent = StoredInstance.objects.filter(case=case).order_by("Modality").values_list("Modality", flat=True).distinct()
    return Traits(
        calling=case.calling,
        Modality=SEPARATOR.join(one for one in sent if one) or case.Modality,
        BodyPartExamined=case.BodyPartExamined,
        StudyDescription=case.StudyDescription,
        StationName=case.StationName,
        age=age_at_study(_patient(case), case.StudyDate),
    )


def deciding(case: Case) -> Rule | None:
    """The rule that decides of a received study as the rules stand now; None where none fits."""
    return first_fitting(rules(), traits(case))


def left_out_by(case: Case) -> Rule | None:
    """The rule that would leave this study out now; None where it would be analysed, also because a person said so."""
    if case.routed_by == BY_HAND:
        return None
    rule = deciding(case)
    return rule if rule is not None and rule.verdict is Verdict.LEAVE_OUT else None


def trial(case_id: int) -> tuple[Tried, ...]:
    """Every rule put to a received study: which decides, why each other does not, and which of those that are switched
    off would decide if it were in force. Changes nothing."""
    rows = list(table())
    off = frozenset(row.name for row in rows if not row.enabled)
    return tried(tuple(rule_of(row) for row in rows), traits(Case.objects.get(pk=case_id)), off)


def newest_to_try() -> int | None:
    """The study that a new rule is tried on first: the last received that is complete; None where there is none."""
    complete = Case.objects.exclude(state=CaseState.RECEIVING).order_by("-received_at", "-pk")
    return complete.values_list("pk", flat=True).first()


def rule_of(row: RoutingRule) -> Rule:
    """The rule that a row keeps."""
    return Rule(
        name=row.name,
        verdict=Verdict(row.verdict),
        calling=row.calling,
        Modality=row.Modality,
        BodyPartExamined=row.BodyPartExamined,
        StudyDescription=row.StudyDescription,
        StationName=row.StationName,
        youngest=row.youngest,
        oldest=row.oldest,
    )


def _patient(case: Case) -> Patient:
    return Patient(case.PatientID, PatientBirthDate=case.PatientBirthDate, PatientAge=case.PatientAge)
