"""What `vfx-finder doctor` asks about results that leave: who proves that they arrived, and in whose name they go."""

from typing import LiteralString

from pipelines.steps.line import addresses_of
from vfx_finder.cli._answer import Answer, Verdict
from vfx_finder.cli._edge_diagnosis import NOT_RUNNING, accept_list, rows_of
from vfx_finder.config import Settings
from vfx_finder.domain.sender import NOT_LET_IN, AcceptList, Reporter, report_objection

ASKED: LiteralString = (
    'SELECT name, "AETitle", host, use_tls FROM ledger_destination'
    " WHERE enabled AND commitment AND protocol = 'dicom' ORDER BY name"
)
NAMELESS: LiteralString = (
    "SELECT username FROM accounts_user WHERE is_active AND role = 'radiologist'"
    " AND btrim(first_name || last_name) = '' ORDER BY username"
)


def commitment(settings: Settings) -> Answer:
    """May the archives that are asked for storage commitment call back with it?"""
    name, asked, accept = "commitment", rows_of(settings, ASKED), accept_list(settings)
    if asked is None or accept is None:
        return Answer(name, Verdict.GOOD, NOT_RUNNING)
    if not asked:
        return Answer(name, Verdict.GOOD, "no destination is asked for storage commitment")
    refused = "; ".join(words for row in asked if (words := _turned_away(accept, row, settings.hears_tls_only)))
    if refused:
        advice = "Let it in on the page Destinations, or switch storage commitment off there if it offers none."
        return Answer(name, Verdict.WARNING, f"reports would be turned away: {refused}", advice)
    return Answer(name, Verdict.GOOD, f"{', '.join(row[0] for row in asked)} may report it")


def _turned_away(accept: AcceptList, row: tuple[str, str, str, bool], tls_only: bool) -> str:
    name, title, host, use_tls = row
    objection = report_objection(accept, Reporter(title, tuple(addresses_of(host)), use_tls), tls_only=tls_only)
    return "" if objection is None else f"{name}: {NOT_LET_IN[objection]}"


def signatures(settings: Settings) -> Answer:
    """Do signed results name the person and the organisation? DICOM wants both (PS3.3 table C.17-2, verifying observer
    name and organization)."""
    name = "signatures"
    nameless, going = rows_of(settings, NAMELESS), rows_of(settings, "SELECT 1 FROM ledger_destination WHERE enabled")
    if nameless is None or going is None:
        return Answer(name, Verdict.GOOD, NOT_RUNNING)
    if not going:
        return Answer(name, Verdict.GOOD, "results stay here")
    found, advice = [], []
    if nameless:
        found.append(f"without a full name: {', '.join(row[0] for row in nameless)}")
        advice.append('Give each one: `vfx-finder users rename ACCOUNT "Full Name"`.')
    if not settings.institution:
        found.append("the organisation that radiologists sign for is not stated")
        advice.append("Set VFX_INSTITUTION, and restart.")
    if found:
        return Answer(name, Verdict.WARNING, "; ".join(found), " ".join(advice))
    return Answer(name, Verdict.GOOD, f"for {settings.institution}; every radiologist has a full name")
