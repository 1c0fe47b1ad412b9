"""The words that decide whether a radiology report mentions a vertebral fracture (see `mention`)."""

import re


def _words(alternatives: str) -> re.Pattern[str]:
    """Any of these regular expressions as whole words; separated by `;`."""
    parts = [part.strip() for part in re.sub(r"\s*\n\s*", "", alternatives).split(";")]
    return re.compile(r"\b(?:" + "|".join(part for part in parts if part) + r")(?!\w)", re.IGNORECASE)


LEVEL = re.compile(r"\b(?:C[1-7]|[TD](?:1[0-3]|[1-9])|L[1-6])(?!\w)", re.IGNORECASE)
"""D for dorsal is the older name of T. No level of the sacrum."""

SPINE = re.compile(
    f"{LEVEL.pattern}|"
    + _words(
        r"""vertebra\w*; spin(?:e|al); compression; wedg\w*; end-?\s?plates?; burst; crush; biconcav\w*; lumbar;
        thoracic; thoraco-?lumbar; dorsal; osteoporotic; fragility; insufficiency; VCFs?"""
    ).pattern,
    re.IGNORECASE,
)
VERTEBRA = _words(r"vertebra\w*; end-?\s?plates?; spin(?:e|al)")

OTHER_BONE = _words(
    r"""ribs?; costal; hips?; femur; femoral; pelvi[cs]; pubic; ram(?:us|i); ischi(?:al|um); ili(?:ac|um);
    sacr(?:al|um); cocc\w+; stern(?:al|um); manubri\w+; clavic\w+; scapul\w+; humer\w+; radi(?:al|us);
    uln(?:ar|a); wrist; skull;
    calvari\w+; nasal; orbital; mandib\w+; facial; tibia\w*; fibula\w*; ankle; odontoid; dens; acetabul\w+; patella\w*;
    (?:transverse|spinous|articular)\ process(?:es)?; stent; wires?; screws?"""
)
FRACTURE = re.compile(r"\bfractur\w*|\bVCFs?\b|#(?!\s?\d)", re.IGNORECASE)
"""# is how British notes write fracture; before a digit it is a number."""

AMBIGUOUS = _words(
    r"""wedg\w*; compress(?:ed|ion); collaps\w*; deformit\w*; biconcav\w*; vertebra\ plana; height\ loss;
    (?:loss|reduction|decrease)\ (?:of|in)\ (?:\w+\ ){0,4}heights?; (?:reduced|decreased|lost)\ (?:\w+\ ){0,3}heights?;
    kyphoplasty; vertebroplasty; cement\ augmentation"""
)
"""Words that stand where "fracture" should, and treatments that a fracture has had."""

NOT_A_FINDING = _words(
    r"""fracture\ liaison(?:\ service)?; fractures?\ risk; risks?\ of\ (?:\w+\ ){0,3}fractures?; fracture\ clinic;
    vertebral\ fracture\ assessment; fracture\ prevention; fracture\ protocol;
    (?:cord|nerve|root|thecal\ sac|caval|venous|airway|bronchial)\ compression;
    compression\ (?:of|on)\ the\ (?:\w+\ ){0,2}(?:cord|nerve|root|sac|bladder|duodenum|ureter|airway|bronchus|vein);
    (?:lung|lobar|lobe|bronch\w+|airway|wall|alveolar)\ collapse; collapsed\ (?:lung|lobe|bladder|stomach|bowel|ivc);
    collapse\ (?:of|in)\ the\ (?:\w+\ ){0,3}(?:lung|lobe|bladder|bowel); wedge\ resection;
    wedge-shaped\ (?:infarct|opacity|area)\w*"""
)
HEIGHTS_KEPT = re.compile(
    r"\b(?:vertebra\w*|body|bodies|disc\w*)?\s*heights?\b.{0,30}\b(?:preserved|maintained|normal|intact)\b",
    re.IGNORECASE,
)

NEGATION = _words(
    r"no; not; without; nor; neither; never; negative\ for; absence\ of; free\ of; free\ from; excludes?; denies"
)
NO_NEGATION = _words(
    r"""no\ (?:\w+\ ){0,2}(?:changes?|progression|retropulsion|healing|union|complications?);
    not\ (?:\w+\ )?(?:changed|progressed|healed|united|mentioned|only); no\ longer\ acute;
    without\ (?:\w+\ ){0,3}(?:retropulsion|change|progression|loss\ of\ height|stenosis|extension|oedema|edema)"""
)
"""They deny something about a fracture that is there."""
MORE_THAN_KNOWN = re.compile(
    r"\b(?:no|not any|without) (?:\w+ ){0,2}(?:new|further|additional|other|interval|more)\b", re.IGNORECASE
)
"""Nothing new: what is known already is not told."""
DENIED_AFTER = re.compile(
    r"\bfractur\w*[^,;]{0,40}?\b(?:(?:is|are|was|were|has been|have been) (?:excluded|ruled out|absent)"
    r"|not (?:\w+ )?(?:seen|identified|demonstrated|present|visible|evident|shown|detected))\b",
    re.IGNORECASE,
)
NOT_EXCLUDED = re.compile(
    r"\b(?:cannot|can't|can not|not|difficult to|unable to)(?: be)?(?: entirely| completely| reliably)? "
    r"(?:exclude|excluded|rule out|ruled out)\b",
    re.IGNORECASE,
)
HEDGED = re.compile(
    r"\?|"
    + _words(
        r"""possib\w+; probabl\w+; likely; unlikely; suspect\w*; suspicio\w+; suggest\w*; question\w*; query; queried;
        may; might; could; equivocal; indeterminate; versus; vs\.?; differential; concern\w*; appears?;
        to\ (?:exclude|rule\ out|assess|look\ for); if\ there;
        or\ (?:schmorl\w*|degenerative|physiological|developmental)"""
    ).pattern,
    re.IGNORECASE,
)
ABOUT_ITS_AGE = _words(
    r"""(?:likely|probably|possibly|appears?|appearing|suspected)\ (?:to\ be\ |an?\ )?(?:old|chronic|longstanding|
    long-standing|stable|osteoporotic|acute|subacute|new|recent|healed|healing|unchanged|remote|benign|insufficiency)"""
)
"""A hedge about what kind of fracture it is, not about whether it is one."""
RECENT = _words(r"acute; recent; new; fresh; other; further; additional; traumatic; displaced; pathological")
ENDS_SCOPE = _words(
    r"but; however; although; though; except; apart\ from; aside\ from; other\ than; besides; there\ (?:is|are); with"
)
JOINS = _words("or; nor; and")

HISTORY = _words("clinical; history; indications?; request; reason; referral; question; details; background")
"""Headings of what the requester wrote."""
CARRIES_ON = re.compile(
    r"(?:,|\b(?:of|at|the|and|or|in|with|no|without|a|an|to|both|from|involving|is|are))$", re.IGNORECASE
)
"""A line that ends so goes on in the next."""
SMALL_WORDS = _words("the; of; no; is; are; and; with; normal; there; in; at; fractures?; seen")
