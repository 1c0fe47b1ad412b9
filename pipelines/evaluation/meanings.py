"""What the figures of an evaluation mean, in a sentence each: those that are easily taken for one another."""

IDENTIFIED = (
    "VerSe (Sekuboyina et al. 2021): the finding with the right label lies nearest to its true centre, within 20 mm; "
    "of all bodies in view"
)
LOCALISED = (
    "VerSe: mean distance from each true centre to the finding with the same label; a chain named one level off "
    "counts with a whole level"
)
FOUND = "found means a finding within 10 mm, whatever its name"
FALSE_BODY = "findings between the first and the last true body that are none of them"
BEYOND = "above or below the span, where the truth lists no body: bodies partly in view, or false ones"
RATIO = "lowest over highest of the three heights, measured against true; bodies wholly in view"
PATIENT_SENSITIVITY = "of patients with a true grade 2 or 3, the share called"
SENSITIVITY = "of graded vertebrae of grade 2 or 3, the share flagged"
SPECIFICITY = "of graded vertebrae of grade 0 or 1, the share not flagged"
IN_VIEW = "of all in view: missed and ungraded ones count as not flagged"
