"""Once a night the images go that have been kept for long enough: a few studies at a time, by one worker alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vfx_finder.actions import retention
from vfx_finder.actions.retention import Gone
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.hours import Hours
from vfx_finder.domain.retention import Rule
from vfx_finder.ledger.locks import alone
from vfx_finder.ledger.retention import old_enough
from vfx_finder.spool import Spool

PORTION = 5
"""Studies of one step: a few seconds of a slow disk."""
ONCE_A_NIGHT = timedelta(hours=20)
"""After one walk over all that is old enough, however long the night is."""

SWEEPER = Actor.process("retention")


@dataclass
class Nights:
    """Walks over what is old enough, in the hours of the night, from the oldest study on; `rule` None removes nothing.

    What a process left that died in the middle is brought to its end at any hour.
    """

    spool: Spool
    rule: Rule | None
    hours: Hours
    after: tuple[datetime, int] | None = None
    walked_at: datetime | None = None

    def step(self, now: datetime) -> int:
        """The next few studies; returns of how many the images were removed. `now` is local time."""
        with alone("retention") as mine:
            if not mine:
                return 0
            ended = retention.finish(self.spool, SWEEPER, now)
            return ended + (self._portion(self.rule, now) if self.rule and self._is_time(now) else 0)

    def _is_time(self, now: datetime) -> bool:
        walked = self.walked_at is not None and now - self.walked_at < ONCE_A_NIGHT
        return self.hours.contain(now) and not walked

    def _portion(self, rule: Rule, now: datetime) -> int:
        cases = list(old_enough(rule, now, self.after)[:PORTION])
        if not cases:
            self.after, self.walked_at = None, now
            return 0
        ends = [retention.remove_images(case.pk, self.spool, rule, SWEEPER, now) for case in cases]
        self.after = (cases[-1].last_instance_at, cases[-1].pk)
        return sum(isinstance(end, Gone) for end in ends)
