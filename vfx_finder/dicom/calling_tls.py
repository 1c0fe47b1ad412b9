"""TLS towards the systems that we call, whichever part of this software calls: 1.2 or newer."""

import ssl
from pathlib import Path


def calling_context(
    authorities: Path | None, certificate: Path | None, key: Path | None, *, named: bool = False
) -> ssl.SSLContext:
    """For one connection: our own certificate and key, if any, and the authorities that vouch for the peer.

    Without authorities, those of the operating system count. `named` where the peer's certificate must be of its host
    name, as on the web; DICOM peers go by addresses and AE titles, which no certificate carries: there an authority
    alone vouches for them. Raises `OSError` or `ValueError` where our own files cannot be used.
    """
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = named
    if certificate:
        context.load_cert_chain(certificate, key, password="")
    return context
