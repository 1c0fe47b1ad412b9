"""The ear: C-STORE and C-ECHO; bytes -> spool -> row -> status.

contexts.py      what is accepted: the classes and syntaxes of vfx_finder.dicom.accepted
associations.py  who is let in: AE titles, limits, one log line when a peer comes and goes
c_echo.py        the answer to "are you there?"
c_store.py       one instance: check, keep, record, answer
statuses.py      the one table from error to DICOM status
rows.py          the row of an instance, in the ledger
server.py        the above behind one port
hear.py          the above as a process (`vfx-finder listen`, `python -m dicom_listener`)
emulator.py      the other side: a modality that really sends (demo and tests)
"""
