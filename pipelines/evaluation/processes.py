"""Processes that work beside this one, and end when it ends, however it ends."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor


def processes(jobs: int) -> ProcessPoolExecutor:
    """A pool of `jobs` processes, each started afresh.

    A pool whose owner is killed leaves its processes waiting for work that never comes, each with its networks in
    memory; these end as soon as their owner has.
    """
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_end_with_owner)


def _end_with_owner() -> None:
    threading.Thread(target=_wait_for_its_end, daemon=True).start()


def _wait_for_its_end() -> None:
    owner = multiprocessing.parent_process()
    if owner is not None:
        owner.join()
        os._exit(1)
