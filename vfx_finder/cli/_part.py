"""`python -m vfx_finder.cli._part COMMAND`: a command as a part of the supervised system, ended with its supervisor."""

import ctypes
import signal
import sys

from vfx_finder.cli import main

PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """On Linux, have the kernel send SIGTERM to this process when its supervisor dies, whatever kills that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent()
    main()
