"""The ear: C-STORE and C-ECHO; bytes -> spool -> row -> status.

pdu.py           what goes over the socket: whole units, within a time, never too large
dimse.py         the messages in them
negotiation.py   what a caller proposes and what it is answered
contexts.py      what is accepted: the classes and syntaxes of vfx_finder.dicom.accepted
associations.py  who is let in: AE titles, hosts, how many at once, how often
conversation.py  one association from its first byte to its last, in a thread of its own
c_store.py       one instance: check, keep, record, answer
services.py      what is neither an image nor an echo: N-ACTION, N-EVENT-REPORT
handlers.py      by whom, in a listener that has its ledger
commitment.py    requests for storage commitment: asked, judged, told
calling_back.py  the association by which they are told, where theirs is closed
commitment_result.py  what archives tell of results that we sent them
refusals.py      who was turned away: logged now, counted in a row soon
rows.py          the row of an instance, in the ledger
callers.py       the accept list, remembered for some seconds; who was let in
tls.py           certificates on both sides, renewed without a restart
server.py        the above behind one port
family.py        several processes behind it
hear.py          the above, as `vfx-finder listen` or `python -m dicom_listener`
emulator.py      the other side: a modality that really sends (demo and tests)
"""
