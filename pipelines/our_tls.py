"""TLS towards systems that we call: 1.2 or newer, with our own certificate where there is one.

The files are read for every connection, so that new ones need no restart.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from pipelines.steps.line import reason_of
from vfx_finder.dicom.calling_tls import calling_context
from vfx_finder.domain.delivery import PeerAway


@dataclass(frozen=True)
class OurTls:
    """PEM files: our certificate and key, and the authorities that vouch for the systems that we call.

    Without authorities, those of the operating system count.
    """

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None

    def context(self, *, named: bool = False) -> ssl.SSLContext:
        """For one connection; `named` where the peer's certificate must be of its host name, as on the web.

        Raises `PeerAway` where our own files cannot be used.
        """
        try:
            return calling_context(self.authorities, self.certificate, self.key, named=named)
        except (OSError, ValueError) as error:
            raise PeerAway(f"Our own TLS files cannot be used: {reason_of(error)}.") from None
