"""What is wrong, in words, with what to do and where: the first thing an operator reads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from vfx_finder.ledger.deliveries import Traffic
from vfx_finder.ledger.operations import Sign
from vfx_finder.web.operations.pulse import Gate, Pulse

SILENT_AFTER = timedelta(seconds=60)
"""Six beats of the listener; the worker's heart beats as often."""
WAITS_LONG = timedelta(hours=1)
UNDELIVERED_LONG = timedelta(hours=1)
DOWN_TOO_LONG = timedelta(hours=4)
"""Half a working day: longer than an archive is down for maintenance, and time to act on the same day."""
RENEW_BEFORE_DAYS = 30
ROOM_FOR_A_BUSY_DAY = 20 * 10**9
"""Bytes: about a hundred CT studies of 0.2 GB."""


@dataclass(frozen=True)
class Alarm:
    """One thing that is wrong: how bad, and the page to open.

    "bad": studies or results stand still until a person acts, today; "ask" wants a look.
    """

    level: str
    words: str
    to_do: str
    page: str = ""
    link: str = ""


def alarms(pulse: Pulse) -> list[Alarm]:
    """Everything that is wrong now, what stops studies first."""
    found = [alarm for question in _QUESTIONS for alarm in question(pulse)]
    return sorted(found, key=lambda alarm: alarm.level != "bad")


def _listener(pulse: Pulse) -> Iterator[Alarm]:
    start = "Start it with vfx-finder up or vfx-finder listen; its log is listener.log in the data folder."
    yield from _silent(pulse, "listener", ("The listener is not running{}: no study can arrive.", start))
    signs = [sign for sign in pulse.signs if sign.process.startswith("listener")]
    alive = _alive(pulse, signs)
    if 0 < len(alive) < len(signs):
        yield Alarm("ask", f"{len(signs) - len(alive)} of {len(signs)} listener processes gave no sign of life.", start)


def _worker(pulse: Pulse) -> Iterator[Alarm]:
    start = "Start it with vfx-finder up or vfx-finder work; waiting studies are taken up by themselves."
    yield from _silent(pulse, "worker", ("No worker is running{}: studies are received, none is analysed.", start))


def _hospital(pulse: Pulse) -> Iterator[Alarm]:
    """The listener for HL7, where one is wanted."""
    words = "Nobody hears the hospital's HL7 messages{}: deaths and merged patients are not learned of."
    start = "Start it with vfx-finder up or vfx-finder hear-hospital; the sending system keeps its messages meanwhile."
    if pulse.hears_hospital:
        yield from _silent(pulse, "hospital", (words, start))


def _silent(pulse: Pulse, part: str, told: tuple[str, str]) -> Iterator[Alarm]:
    """An alarm where no process of this part lives; {} in its words is where stands when one was heard last."""
    words, to_do = told
    signs = [sign for sign in pulse.signs if sign.process.startswith(part)]
    if not _alive(pulse, signs):
        yield Alarm("bad", words.format(_since(max((sign.at for sign in signs), default=None))), to_do)


def _alive(pulse: Pulse, signs: Iterable[Sign]) -> list[Sign]:
    return [sign for sign in signs if pulse.now - sign.at < SILENT_AFTER]


def _certificate(pulse: Pulse) -> Iterator[Alarm]:
    """As the listeners told: they alone can read the file."""
    told = [int(sign.facts["certificate_days"]) for sign in pulse.signs if "certificate_days" in sign.facts]
    days = min(told, default=RENEW_BEFORE_DAYS)
    renew = "Put a new certificate in its place; it is taken up without a restart."
    yield from _unusable_files(pulse)
    if days < 0:
        yield Alarm("bad", "The listener's TLS certificate has expired: senders refuse to talk to it.", renew)
    elif days < RENEW_BEFORE_DAYS:
        yield Alarm("ask", f"The listener's TLS certificate expires in {_count(days, 'day', 'days')}.", renew)


def _unusable_files(pulse: Pulse) -> Iterator[Alarm]:
    """New files that no listener can take up: all goes on by the ones before until somebody restarts it."""
    told = [sign.facts for sign in pulse.signs if "tls_unusable_since" in sign.facts]
    if told:
        first = min(told, key=lambda facts: str(facts["tls_unusable_since"]))
        since = _clock(datetime.fromisoformat(str(first["tls_unusable_since"])))
        yield Alarm(
            "bad",
            f"The listener's TLS files cannot be used since {since}: {first['tls_unusable']} It goes on with the ones"
            " before until it is restarted; then it does not start.",
            "Put a certificate, key and client authorities in their place that belong together; they are taken up"
            " without a restart.",
        )


_MAY_GO = "vfx-finder retention says what may go."


def _disk(pulse: Pulse) -> Iterator[Alarm]:
    if pulse.disk is None:
        return
    room = f"{pulse.disk.free_words} are free for received images"
    if pulse.disk.free <= pulse.disk.keep_free:
        yield Alarm("bad", f"{room}: studies are being refused.", f"Make room; receiving goes on by itself. {_MAY_GO}")
    elif pulse.disk.free < pulse.disk.keep_free + ROOM_FOR_A_BUSY_DAY:
        yield Alarm("ask", f"Only {room}.", f"Make room before it is full: studies are refused then. {_MAY_GO}")


def _queue(pulse: Pulse) -> Iterator[Alarm]:
    oldest = pulse.waiting.oldest
    if oldest is not None and oldest.settled_at and pulse.now - oldest.settled_at > WAITS_LONG:
        yield Alarm(
            "ask",
            f"A study waits for its analysis since {_clock(oldest.settled_at)}; {pulse.waiting.queued} are queued.",
            "Look at the worker's log; if it is well, it needs a second one.",
            "operations",
            "See the studies",
        )
    if pulse.waiting.stranded:
        yield Alarm(
            "ask",
            f"{_count(pulse.waiting.stranded, 'study waits', 'studies wait')} for an analysis that nobody will do.",
            "They are taken up again within a minute; if this stays, restart the worker.",
        )


def _lists(pulse: Pulse) -> Iterator[Alarm]:
    found = pulse.troubles
    if found.failed:
        words = f"{_count(found.failed, 'study', 'studies')} could not be analysed because something failed."
        yield Alarm("ask", words, "Read why, then have them analysed again.", "not-analysed", "To do")
    if found.conflicts:
        words = f"{_count(found.conflicts, 'study names', 'studies name')} different patients."
        yield Alarm("ask", words, "Mend them in PACS and send them again.", "not-analysed", "To do")
    if found.late:
        words = f"{_count(found.late, 'signed study', 'signed studies')} received more images after signing."
        yield Alarm("ask", words, "Have a radiologist look, then say what they mean.", "not-analysed", "To do")
    if found.other_content:
        words = f"Images of {_count(found.other_content, 'study', 'studies')} came again with other content."
        yield Alarm("ask", words, "The first were kept. See why.", "not-analysed", "To do")
    if found.messages:
        words = f"{_count(found.messages, 'hospital message', 'hospital messages')} could not be applied."
        yield Alarm("ask", words, "A person decides what they mean.", "messages", "Hospital messages")
    if found.stopped_sweeps:
        words = f"{_count(found.stopped_sweeps, 'sweep', 'sweeps')} cannot go on."
        yield Alarm("ask", words, "Read what the archive answered.", "archives", "Archives")


def _results(pulse: Pulse) -> Iterator[Alarm]:
    found = pulse.troubles
    if found.dead_letters:
        words = f"{_count(found.dead_letters, 'result was', 'results were')} given up, and not stored whole."
        yield Alarm("bad", words, "Mend the reason, then send again.", "dead-letters", "Dead letters")
    for one in pulse.traffic:
        yield from _taking(one, pulse.now) if one.destination.enabled else _held(one)


def _held(one: Traffic) -> Iterator[Alarm]:
    if one.on_the_way:
        words = f"{_count(one.on_the_way, 'result is', 'results are')} held: {one.destination.name} is switched off."
        yield Alarm("ask", words, "Switch it on, and they go by themselves.", "destinations", "Destinations")


def _taking(one: Traffic, now: datetime) -> Iterator[Alarm]:
    """What is wrong with one destination in use, whatever the others do."""
    name, said = one.destination.name, one.destination.last_answer or "no answer"
    no_since = one.no_since
    if no_since and now - no_since > DOWN_TOO_LONG:
        why = said if one.said_no else "it answers a try, and did not take what was sent."
        words = f"{name} has taken nothing since {_clock(no_since)}: {why}"
        yield Alarm("bad", words, _what_becomes(one), "destinations", "Destinations")
    elif one.said_no:
        words = f"The last try at {name} did not succeed: {said}"
        yield Alarm("ask", words, _what_becomes(one), "destinations", "Destinations")
    elif one.oldest_at and now - one.oldest_at > UNDELIVERED_LONG:
        many = _count(one.on_the_way, "result is", "results are")
        words = f"{many} on the way to {name} since {_clock(one.oldest_at)}."
        yield Alarm("ask", words, "See what the receiving system answers.", "destinations", "Destinations")


def _what_becomes(one: Traffic) -> str:
    """What is done by itself for a destination that said no, and what is not."""
    told = []
    if one.waiting_since:
        again = "is tried again by itself" if one.waiting == 1 else "are tried again by themselves"
        waits = _count(one.waiting, "result waits", "results wait")
        told.append(f"{waits} since {_clock(one.waiting_since)} and {again}.")
    if one.sent:
        stored = _count(one.sent, "result is", "results are")
        told.append(f"{stored} stored there; the storage commitment is asked for again.")
    if not one.on_the_way:
        told.append("Nothing waits for it: mend the reason, then try it again.")
    if one.dead:
        dead = _count(one.dead, "result was given up and is", "results were given up and are")
        told.append(f"{dead} not tried again until a person sends {'it' if one.dead == 1 else 'them'}.")
    return " ".join(told)


def _gate(pulse: Pulse) -> Iterator[Alarm]:
    if pulse.troubles.refused_peers:
        words = f"{_count(pulse.troubles.refused_peers, 'caller was', 'callers were')} turned away in the last day."
        yield Alarm("ask", words, "Let in whom you know.", "sources", "Sources")
    if pulse.gate is Gate.NOBODY:
        words = "Nobody may send: every study is refused."
        yield Alarm("bad", words, "Let in your PACS.", "sources", "Sources")
    if pulse.gate is Gate.ANYBODY:
        words = "Anybody on the network may send studies."
        yield Alarm("ask", words, "Name the senders, so that strangers are turned away.", "sources", "Sources")


_QUESTIONS = (_listener, _worker, _hospital, _certificate, _disk, _results, _queue, _lists, _gate)


def _since(moment: datetime | None) -> str:
    return f", last heard {_clock(moment)}" if moment else ""


def _clock(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%-d %b %H:%M}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
