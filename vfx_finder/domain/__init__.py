"""The words and rules of the clinic: plain Python, standard library only, no rows, no files, no networks."""
