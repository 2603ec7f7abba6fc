"""Built-in cases: patients made from simple solids, with nothing to fetch."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import neck_shapes as neck
from validation.case.case import Case, Prescription
from validation.case.image import Image
from validation.case.implant import Implant
from validation.case.solid_shapes import Shape, Without
from validation.case.structure import Contour, Role, Structure

NAMES = ("neck",)

# CT voxel centres in cm: 1 mm in plane, 2 mm slices.
_X = np.linspace(-6.6, 6.6, 133)
_Y = np.linspace(-7.8, 7.0, 149)
_Z = np.linspace(-4.4, 4.4, 45)
_SUBSAMPLES = 3  # per voxel edge: partial volume to about 4 %, finer than CT noise
# cm; the signed functions are smooth, so that at this step linear interpolation is exact to about 0.01 mm.
_CONTOUR_STEP = 0.05

# Needles enter from the left and in front, below the mandible, and end behind the jugular vein, short of the
# spine.
_NEEDLE_DIRECTION = (-0.80, 0.55, -0.24)
_AIR_KERMA_STRENGTH = 0.635  # U, 0.5 mCi apparent
_HALF_LIFE_D = 59.4
# Per needle: its place across the needle direction in cm (horizontal, upward) from the centre of the node,
# and the places of its seeds along it.
_NEEDLES: tuple[tuple[float, float, tuple[float, ...]], ...] = (
    (-0.55, 0.65, (-0.4, 0.4)),
    (0.55, 0.65, (-0.4, 0.4)),
    (-0.55, -0.65, (-0.4, 0.4)),
    (0.55, -0.65, (-0.4, 0.4)),
    (0.0, 0.0, (-0.7, 0.0, 0.7)),
)

_STRUCTURES: tuple[tuple[str, Role, Shape], ...] = (
    ("BODY", "external", neck.BODY),
    ("GTV", "target", neck.GTV),
    ("PTV", "target", neck.PTV),
    ("AIRWAY", "cavity", neck.AIRWAY),
    ("BONE", "avoidance", neck.BONE),
    ("SPINAL_CORD", "organ", neck.CORD),
    ("CAROTID", "organ", neck.carotid(1)),
    ("JUGULAR", "organ", neck.jugular(1)),
    ("MANDIBLE", "organ", neck.MANDIBLE),
    ("SKIN", "organ", Without(neck.BODY, neck.INSIDE_SKIN)),
)


def built_in(name: str) -> Case:
    """Make a built-in case.

    ``neck`` is a synthetic neck of simple solids (skin, fat, muscle, airway, spine, mandible, vessels) with a
    left level-II/III lymph node (GTV, mean diameter 1.6 cm; PTV = GTV + 3 mm) and a 6711 implant, 120 Gy to
    the PTV. CAROTID and JUGULAR are those beside the node.

    Parameters
    ----------
    name : str
        ``"neck"``.

    Returns
    -------
    Case
        The case; the same at every call.

    Raises
    ------
    InvalidInput
        Unknown name.

    Examples
    --------
    >>> neck = built_in("neck")
    >>> neck.image.hu.shape, neck.prescription.dose_gy
    ((133, 149, 45), 120.0)
    """
    if name not in NAMES:
        raise InvalidInput(
            f"built-in case is {name!r}, expected one of {', '.join(NAMES)}. Choose a known name."
        )
    return _neck()


@lru_cache(maxsize=1)
def _neck() -> Case:
    return Case(
        name="neck",
        image=Image(_ct(), _X, _Y, _Z),
        structures={name: contoured(name, role, shape, _Z) for name, role, shape in _STRUCTURES},
        implant=neck_implant(),
        prescription=Prescription(120.0, "PTV"),
        provenance={"origin": "built-in synthetic neck", "contours": "from the solids themselves"},
    )


def neck_implant() -> Implant:
    """Place the seeds of the built-in neck on parallel oblique needles about 1 cm apart.

    Returns
    -------
    Implant
        Positions in cm.

    Examples
    --------
    >>> neck_implant().model
    '6711'
    """
    along = np.array(_NEEDLE_DIRECTION) / np.linalg.norm(_NEEDLE_DIRECTION)
    horizontal = np.cross([0.0, 0.0, 1.0], along)
    horizontal /= np.linalg.norm(horizontal)
    upward = np.cross(along, horizontal)
    centre = np.array(neck.GTV.centre)
    positions, needles = [], []
    for number, (sideways, up, places) in enumerate(_NEEDLES, start=1):
        entry = centre + sideways * horizontal + up * upward
        positions += [entry + place * along for place in places]
        needles += [number] * len(places)
    n = len(positions)
    return Implant(
        "6711",
        np.array(positions),
        np.tile(along, (n, 1)),
        np.full(n, _AIR_KERMA_STRENGTH),
        _HALF_LIFE_D,
        np.array(needles),
    )


def _ct() -> NDArray[np.float32]:
    """CT numbers as the mean over each voxel's subsamples, shape (nx, ny, nz)."""
    offsets = (np.arange(_SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5
    # float32 places a subsample to 1e-6 cm and halves the time.
    fine = [(c[:, None] + offsets * (c[1] - c[0])).ravel().astype(np.float32) for c in (_X, _Y, _Z)]
    tissue = np.zeros([c.size for c in fine], dtype=np.uint8)
    names = ["air", *dict.fromkeys(name for name, _ in neck.PAINT if name != "air")]
    for name, shape in neck.PAINT:
        window = tuple(
            slice(*np.searchsorted(c, [low, high]))
            for c, low, high in zip(fine, *shape.bounds(), strict=True)
        )
        x, y, z = (c[w] for c, w in zip(fine, window, strict=True))
        # Slab by slab, so that the work arrays stay in the cache.
        part = tissue[window]
        for k in range(z.size):
            inside = shape.outside(x[:, None], y[None, :], z[k]) < 0
            part[:, :, k][inside] = names.index(name)
    hounsfield = np.array([neck.HOUNSFIELD[name] for name in names], dtype=np.float32)[tissue]
    n = _SUBSAMPLES
    blocks = hounsfield.reshape(_X.size, n, _Y.size, n, _Z.size, n)
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float64), dtype=np.float32)


def contoured(name: str, role: Role, shape: Shape, planes: NDArray[np.float64]) -> Structure:
    """Contours of a solid on every CT slice it crosses.

    Parameters
    ----------
    name, role
        Of the structure.
    shape : Shape
        Solid, cm.
    planes : ndarray, shape (n,)
        Evenly spaced z of the slices, cm.

    Examples
    --------
    >>> contoured("AIRWAY", "cavity", neck.AIRWAY, np.array([0.0, 0.2])).planes.tolist()
    [0.0, 0.2]
    """
    from skimage.measure import find_contours

    contours = []
    (x_low, y_low, _), (x_high, y_high, _) = shape.bounds()
    margin = 3 * _CONTOUR_STEP
    x = np.arange(x_low - margin, x_high + margin, _CONTOUR_STEP)
    y = np.arange(y_low - margin, y_high + margin, _CONTOUR_STEP)
    for z in planes:
        field = shape.outside(x[:, None], y[None, :], np.array(z))
        for curve in find_contours(field, 0.0):  # type: ignore[no-untyped-call]
            points = curve[:-1] * _CONTOUR_STEP + (x[0], y[0])
            if len(points) >= 3:
                contours.append(Contour(float(z), points))
    return Structure(name, role, tuple(contours), float(planes[1] - planes[0]))
