"""The languages of the hospital's other systems, HL7 v2 and FHIR R4: bytes <-> facts; no sockets, no rows."""
