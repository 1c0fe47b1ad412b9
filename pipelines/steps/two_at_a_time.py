"""Work that waits for no other, on two processor cores: what the decoders and interpolators of C libraries allow."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

THREADS = 2
"""A hospital's machine has two cores at least; more threads would hold more slices in memory at once."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def two_at_a_time(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """What `work` makes of every item, in the items' order; raises what it raises."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))
