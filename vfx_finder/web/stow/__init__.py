"""STOW-RS: instances that arrive by DICOMweb (DICOM PS3.18 section 10.5), kept the same way as those of C-STORE.

views.py      one request: who sends, what came, what became of each
incoming.py   the body as a stream that is never waited for too long, nor read for ever
multipart.py  the parts of such a stream
keep.py       one part: check, keep, record
answers.py    the response, in DICOM's JSON
"""
