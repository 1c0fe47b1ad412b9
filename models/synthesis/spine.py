"""A random spine: vertebrae chained from C3 to the sacrum, each with its own shape, posture and bone quality."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.synthesis.fractures import KINDS, cupids_bow, fracture, osteophytes, schmorl_node
from models.synthesis.norms import NORMS, LevelNorm
from models.synthesis.shapes import BodyShape, EndPlate

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SpineOptions:
    """How often things happen when a spine is drawn. `fractures` fixes {level: (kind, loss)} instead of chance;
    `variation` scales how much sound shapes differ from the mean (1 = as measured)."""

    fracture_rate: float = 0.16
    mimic_rate: float = 0.12
    variant_rate: float = 0.08
    scoliosis_deg: float = 8.0
    variation: float = 1.0
    fractures: dict[str, tuple[str, float]] | None = None


@dataclass(frozen=True)
class SyntheticVertebra:
    """One vertebra in trunk coordinates (LPS mm): `frame` columns are its left, posterior and up axes."""

    name: str
    centre: Array
    frame: Array
    shape: BodyShape
    kind: str
    scale: float
    spongiosa: float
    cortex: float
    cortex_mm: float
    disc_hu: float
    drop: float
    fracture: tuple[str, float] | None = None
    mimic: str | None = None


@dataclass(frozen=True)
class Spine:
    """Vertebrae from head to foot, the sacral segments last; `bone_hu` is the patient's mean spongiosa."""

    vertebrae: tuple[SyntheticVertebra, ...]
    scale: float
    bone_hu: float
    names: tuple[str, ...] = field(default=())


def frame_of(pitch: float, roll: float, yaw: float) -> Array:
    """Rotation whose columns are left, posterior and up for angles in degrees; pitch > 0 leans the top forward."""
    p, r, y = np.radians([pitch, roll, yaw])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(r), 0, np.sin(r)], [0, 1, 0], [-np.sin(r), 0, np.cos(r)]])
    about_z = np.array([[np.cos(y), -np.sin(y), 0], [np.sin(y), np.cos(y), 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)


def draw_levels(rng: np.random.Generator, options: SpineOptions) -> list[LevelNorm]:
    """The levels of one spine; `variant_rate` of spines have T13 or L6, or lack L5 or T12."""
    rows = list(NORMS)
    if rng.random() >= options.variant_rate:
        return rows
    variant = rng.choice(["T13", "L6", "no-L5", "no-T12"])
    if variant == "T13":
        rows.insert([r.name for r in rows].index("L1"), replace(rows[-6], name="T13"))
    if variant == "L6":
        rows.append(replace(rows[-1], name="L6"))
        rows[-2] = replace(rows[-3], name="L5", pitch=20.0)
    if variant == "no-L5":
        rows = [r for r in rows if r.name != "L4"][:-1] + [replace(rows[-1], name="L4")]
    if variant == "no-T12":
        rows = [r for r in rows if r.name != "T12"]
    return rows


def draw_shape(norm: LevelNorm, scale: float, rng: np.random.Generator, variation: float = 1.0) -> BodyShape:
    """A sound body of this level, with the spread of shape that real ones show (SD about 0.045 in each ratio)."""
    jitter = rng.normal(1.0, 0.03 * variation, 3)
    posterior = norm.height * scale * jitter[0]
    anterior = posterior * (norm.ratio_anterior + rng.normal(0, 0.045 * variation))
    middle = posterior * (norm.ratio_middle + rng.normal(0, 0.035 * variation))
    dish = max(0.2, (anterior + posterior) / 2 - middle)
    share = rng.uniform(0.35, 0.65)
    tilt = rng.normal(0, 0.4 * variation)

    def plate(part: float, sign: float) -> EndPlate:
        return EndPlate(
            anterior=anterior / 2 + sign * tilt,
            posterior=posterior / 2 - sign * tilt,
            concavity=dish * part * rng.uniform(0.9, 1.2),
            centre_y=float(rng.normal(0.04, 0.05)),
            wave=(float(abs(rng.normal(0, 0.25))), float(rng.uniform(0, 6.3)), float(rng.uniform(4, 12))),
        )

    return BodyShape(
        depth=norm.depth * scale * jitter[1] * rng.normal(1, 0.03),
        width=norm.width * scale * jitter[2] * rng.normal(1, 0.03),
        upper=plate(share, 1.0),
        lower=plate(1 - share, -1.0),
        waist=float(rng.uniform(0.03, 0.14)),
        hollow=float(rng.uniform(0.5, 3.0)) * scale,
        power=float(rng.uniform(2.2, 3.4)),
    )


def damage(
    shape: BodyShape, norm: LevelNorm, rng: np.random.Generator, options: SpineOptions
) -> tuple[BodyShape, tuple[str, float] | None, str | None]:
    """The shape after chance (or the order in `options.fractures`): (shape, fracture, look-alike)."""
    if options.fractures is not None:
        if norm.name not in options.fractures:
            return shape, None, None
        kind, loss = options.fractures[norm.name]
        return fracture(shape, kind, loss, rng), (kind, loss), None
    if rng.random() < options.fracture_rate:
        kind, loss = str(rng.choice(KINDS)), float(rng.uniform(0.08, 0.65))
        return fracture(shape, kind, loss, rng), (kind, loss), None
    if rng.random() < options.mimic_rate:
        mimic = str(rng.choice(["schmorl-node", "cupids-bow", "osteophytes", "short-vertebral-height"]))
        changed = {
            "schmorl-node": lambda: schmorl_node(shape, rng),
            "cupids-bow": lambda: cupids_bow(shape, rng),
            "osteophytes": lambda: osteophytes(shape, rng),
            "short-vertebral-height": lambda: squash(shape, float(rng.uniform(0.85, 0.95))),
        }[mimic]()
        return changed, None, mimic
    return shape, None, None


def squash(shape: BodyShape, factor: float) -> BodyShape:
    """The body uniformly lower by `factor`, its end-plates intact."""

    def lower_plate(plate: EndPlate) -> EndPlate:
        return replace(
            plate,
            anterior=plate.anterior * factor,
            posterior=plate.posterior * factor,
            concavity=plate.concavity * factor,
        )

    return replace(shape, upper=lower_plate(shape.upper), lower=lower_plate(shape.lower))


def _sacrum(top: Array, pitch: float, scale: float, rng: np.random.Generator, bone: float) -> list[SyntheticVertebra]:
    """Five fused, tapering sacral segments below the point `top`."""
    segments, at, angle = [], top, pitch + rng.normal(18, 6)
    for i in range(5):
        taper = 0.86**i
        height = 27.0 * scale * 0.88**i
        plate = EndPlate(anterior=height / 2, posterior=height / 2 * 0.86, concavity=0.8 if i == 0 else 0.2)
        shape = BodyShape(33 * scale * 0.7**i, 50 * scale * taper, plate, plate, 0.06, 0.5, 2.6)
        frame = frame_of(angle, 0, 0)
        centre = at - frame[:, 2] * height / 2
        remnant = rng.uniform(1.2, 3.5) if i == 0 and rng.random() < 0.15 else rng.uniform(0, 1.2)
        at = centre - frame[:, 2] * (height / 2 + remnant)
        angle += rng.uniform(6, 15)
        segments.append(
            SyntheticVertebra(
                f"S{i + 1}", centre, frame, shape, "sacrum", scale, bone * 0.8, rng.uniform(250, 600), 1.0, 60.0, 20.0
            )
        )
    return segments


def draw_spine(rng: np.random.Generator, options: SpineOptions | None = None) -> Spine:
    """A random spine with L1 (or T12) near the origin, x left, y posterior, z up (LPS mm)."""
    options = options or SpineOptions()
    rows = draw_levels(rng, options)
    scale = float(np.clip(rng.normal(1.0, 0.075), 0.8, 1.22))
    bone = float(rng.uniform(20, 240))
    kyphosis, lordosis = rng.uniform(0.5, 1.5), rng.uniform(0.4, 1.5)
    lean, bend_phase, bend = rng.normal(0, 4), rng.uniform(0, 6.3), abs(rng.normal(0, options.scoliosis_deg))
    cortex, disc_thin = rng.uniform(230, 800), rng.uniform(0.55, 1.15)
    at = np.zeros(3)
    made: list[SyntheticVertebra] = []
    below: Array | None = None
    for i, norm in enumerate(rows):
        shape = draw_shape(norm, scale, rng, options.variation)
        shape, broken, mimic = damage(shape, norm, rng, options)
        wobble = rng.normal(0, 8 if norm.name in ("L5", "L6") else 2)
        pitch = norm.pitch * (kyphosis if i < 15 else lordosis) + lean + wobble
        roll = bend * np.sin(bend_phase + i * 0.42) + rng.normal(0, 1.5)
        frame = frame_of(pitch + (8.0 * broken[1] if broken else 0.0), roll, 0.6 * roll + rng.normal(0, 3))
        normal_height = norm.height * scale * (1 + norm.ratio_anterior) / 2
        own = (shape.upper.anterior + shape.upper.posterior + shape.lower.anterior + shape.lower.posterior) / 2
        disc = max(1.5, (norm.spacing * scale - normal_height) * disc_thin * rng.uniform(0.75, 1.2))
        shrink = 0.0 if broken is None else 0.35 * broken[1] * own
        up = frame[:, 2]
        at = np.zeros(3) if below is None else below - up * (own / 2)
        below = at - up * (own / 2 - shrink * 0.5 + disc)
        made.append(
            SyntheticVertebra(
                name=norm.name,
                centre=at,
                frame=frame,
                shape=shape,
                kind="body",
                scale=scale,
                spongiosa=bone * rng.uniform(0.8, 1.25) + (40 * broken[1] if broken else 0),
                cortex=cortex * rng.uniform(0.8, 1.2),
                cortex_mm=float(rng.uniform(0.5, 1.3)),
                disc_hu=float(rng.uniform(40, 120)),
                drop=norm.spinous_drop,
                fracture=broken,
                mimic=mimic,
            )
        )
    assert below is not None
    up = made[-1].frame[:, 2]
    last_pitch = float(np.degrees(np.arctan2(-up[1], up[2])))
    made += _sacrum(below, last_pitch, scale, rng, bone)
    origin = next(v.centre for v in made if v.name in ("L1", "L2"))
    moved = tuple(replace(v, centre=v.centre - origin) for v in made)
    return Spine(moved, scale, bone, tuple(v.name for v in moved))
