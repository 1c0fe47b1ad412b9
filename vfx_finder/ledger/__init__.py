"""All rows of the system: what was received, found, signed, referred, and who did it. Written by actions only."""
