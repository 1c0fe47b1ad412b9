"""DICOM datasets to and from the words of the domain. No sockets, no rows."""
