"""A random spine: vertebrae chained from C3 to the sacrum, each with its own shape, posture and bone quality."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.synthesis.fractures import KINDS, fracture
from models.synthesis.inclusions import Inclusion, draw_inclusions
from models.synthesis.mimics import INCLUSIONS, SCHEUERMANN_LEVELS, mimic_for, scheuermann, shaped
from models.synthesis.norms import NORMS, LevelNorm
from models.synthesis.shapes import BodyShape, EndPlate

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SpineOptions:
    """How often things happen when a spine is drawn. `fractures` fixes {level: (kind, loss)} instead of chance;
    `variation` scales how much sound shapes differ from the mean (1 = as measured); `loss` bounds the share of height
    that a fracture takes; `rim_mm` is how far the ring apophysis may stand up."""

    fracture_rate: float = 0.16
    mimic_rate: float = 0.12
    variant_rate: float = 0.08
    scheuermann_rate: float = 0.03
    bridging_rate: float = 0.06
    hardware_rate: float = 0.05
    scoliosis_deg: float = 8.0
    variation: float = 1.0
    loss: tuple[float, float] = (0.08, 0.65)
    rim_mm: float = 2.4
    fractures: dict[str, tuple[str, float]] | None = None


def ordered(fractures: dict[str, tuple[str, float]], variation: float = 0.4) -> SpineOptions:
    """A nearly straight spine with exactly these fractures: no look-alikes, no variants, no metal."""
    return SpineOptions(
        mimic_rate=0.0,
        variant_rate=0.0,
        scheuermann_rate=0.0,
        bridging_rate=0.0,
        hardware_rate=0.0,
        rim_mm=0.0,
        scoliosis_deg=3.0,
        variation=variation,
        fractures=fractures,
    )


@dataclass(frozen=True)
class SyntheticVertebra:
    """One vertebra in trunk coordinates (LPS mm): `frame` columns are its left, posterior and up axes; `sound` is its
    shape before a fracture, `inside` what lies in it beside spongiosa."""

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
    sound: BodyShape | None = None
    inside: tuple[Inclusion, ...] = ()


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


def rimmed(shape: BodyShape, most_mm: float, rng: np.random.Generator) -> BodyShape:
    """The body with rims that stand up by up to `most_mm` in front, somewhat less behind, and a little outwards."""
    front, back = most_mm * rng.beta(1.2, 2.5), 0.7 * most_mm * rng.beta(1.2, 2.5)

    def plate(one: EndPlate) -> EndPlate:
        return replace(one, rim=(front * float(rng.uniform(0.5, 1.5)), back * float(rng.uniform(0.5, 1.5))))

    lip = float(rng.uniform(0, 0.05))
    return replace(shape, upper=plate(shape.upper), lower=plate(shape.lower), lip=lip)


@dataclass(frozen=True)
class Damage:
    """What chance (or an order) did to one body: its shape now, the fracture (kind, loss), the look-alike, and what
    lies inside it."""

    shape: BodyShape
    fracture: tuple[str, float] | None = None
    mimic: str | None = None
    inside: tuple[Inclusion, ...] = ()


def damage(shape: BodyShape, norm: LevelNorm, rng: np.random.Generator, options: SpineOptions) -> Damage:
    """The body after chance, or after the order in `options.fractures`."""
    if options.fractures is not None:
        if norm.name not in options.fractures:
            return Damage(shape)
        kind, loss = options.fractures[norm.name]
        return Damage(fracture(shape, kind, loss, rng), (kind, loss))
    if rng.random() < options.fracture_rate:
        kind, loss = str(rng.choice(KINDS)), float(rng.uniform(*options.loss))
        cement = draw_inclusions("cement", shape, rng) if rng.random() < 0.06 else ()
        return Damage(fracture(shape, kind, loss, rng), (kind, loss), "cement" if cement else None, cement)
    if rng.random() >= options.mimic_rate:
        return Damage(shape)
    mimic = mimic_for(norm, rng)
    inside = draw_inclusions(mimic, shape, rng) if mimic in INCLUSIONS else ()
    return Damage(shaped(shape, mimic, rng), None, mimic, inside)


def _scheuermann_run(rng: np.random.Generator, options: SpineOptions) -> frozenset[str]:
    """The levels of a Scheuermann spine, three to five in a row; empty in most spines."""
    if options.fractures is not None or rng.random() >= options.scheuermann_rate:
        return frozenset()
    count = int(rng.integers(3, 6))
    first = int(rng.integers(0, len(SCHEUERMANN_LEVELS) - count + 1))
    return frozenset(SCHEUERMANN_LEVELS[first : first + count])


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
    rough = _scheuermann_run(rng, options)
    at = np.zeros(3)
    made: list[SyntheticVertebra] = []
    below: Array | None = None
    for i, norm in enumerate(rows):
        sound = draw_shape(norm, scale, rng, options.variation)
        sound = rimmed(sound, options.rim_mm, rng) if options.rim_mm else sound
        if norm.name in rough:
            done = Damage(scheuermann(sound, rng), None, "scheuermann")
        else:
            done = damage(sound, norm, rng, options)
        shape, broken = done.shape, done.fracture
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
                mimic=done.mimic,
                sound=sound,
                inside=done.inside,
            )
        )
    assert below is not None
    up = made[-1].frame[:, 2]
    last_pitch = float(np.degrees(np.arctan2(-up[1], up[2])))
    made += _sacrum(below, last_pitch, scale, rng, bone)
    origin = next(v.centre for v in made if v.name in ("L1", "L2"))
    moved = tuple(replace(v, centre=v.centre - origin) for v in made)
    return Spine(moved, scale, bone, tuple(v.name for v in moved))
