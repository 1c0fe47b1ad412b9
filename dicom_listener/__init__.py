"""The ear: C-STORE and C-ECHO; bytes -> spool -> row -> status."""
