"""Pages for radiologists: the worklist, the study page, signing."""
