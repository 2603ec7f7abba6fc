"""Contents of the views of dose on the CT: volumes packed for the browser, outlines, surfaces, seeds and needles."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from validation.report.figures_dvh import COLOURS
from validation.report.tables import ordered_structures
from validation.report.viewer_outlines import outlines
from validation.report.viewer_seeds import needle_views, seed_views
from validation.report.viewer_surfaces import Surface, isodose_surface, structure_surface
from validation.studies.compare import Comparison

#: Isodose levels in % of the prescription and their colours: sky blue, yellow, orange and (lighter, to stand out on
#: grey) reddish purple of the palette of Okabe and Ito, told apart with any colour vision.
ISODOSES = ((50, "#56B4E9"), (100, "#F0E442"), (150, "#E69F00"), (200, "#F2A6D0"))
#: Isodose drawn in space, % of the prescription.
SURFACE_ISODOSE = 100
#: Below this part of the prescription the difference map is empty: a percentage of little dose says little.
LOWEST_SHOWN = 0.10
#: Steps per unit of ln(dose): 0.2 % per step, below any Monte Carlo uncertainty.
LOG_STEPS = 500
#: Code of a voxel whose difference is not shown.
HIDDEN = -32768
#: Steps per unit of the z-score and of gamma.
Z_STEPS, GAMMA_STEPS = 5, 100
_LARGEST_Z = 10.0  # drawn in one colour beyond
_LOWEST_LOG = -12.0  # exp(−12) of the prescription, below anything drawn
#: CT numbers from black to white, HU: soft tissue, in this many steps.
WINDOW, GREYS = (-160.0, 240.0), 255
#: Grey of the highest CT number.
BRIGHTEST = "#a0a0a0"
_DIFFERENCE_RANGES = (5, 10, 20, 30, 50, 100)
# Pale, so that they stand back behind isodoses on grey; told apart by their dashes (px), the target by a full line.
_OUTLINES = (
    "#ffffff",
    "#9fe3cf",
    "#ffc7a6",
    "#c3d2ff",
    "#ead98f",
    "#e0bdf0",
    "#b5dcff",
    "#d0eab0",
    "#d9d9d9",
)
_DASHES = ("5px,3px", "2px,3px", "9px,3px,2px,3px", "12px,4px")
# Isodoses in space, apart from each other and from every structure: yellow, purple, brown.
_DOSE_SURFACES = ("#F0E442", "#5D3A9B", "#A6761D")
_EFFORT = 7  # of zlib: 9 takes five times as long and saves 2 %
#: Steps per unit of the part of a voxel inside a structure.
PART_STEPS = 50


def pack(values: NDArray[np.integer]) -> str:
    """Pack whole numbers so that a browser can unpack them with nothing but what it has.

    Differences of neighbours along the last axis, low bytes before high bytes, zlib, base64.

    Parameters
    ----------
    values : array of int
        −32768 … 32767, any shape.

    Returns
    -------
    str
        ASCII text.

    Examples
    --------
    >>> unpack(pack(np.array([[1, 2], [-300, 4]])), (2, 2)).tolist()
    [[1, 2], [-300, 4]]
    """
    flat = np.ascontiguousarray(values, dtype="<i2").ravel()
    steps = np.diff(flat, prepend=np.int16(0)).astype("<u2")
    planes = steps.view(np.uint8).reshape(-1, 2).T
    return base64.b64encode(zlib.compress(np.ascontiguousarray(planes).tobytes(), _EFFORT)).decode("ascii")


def unpack(text: str, shape: tuple[int, ...]) -> NDArray[np.int16]:
    """Undo `pack`, as the browser does.

    Parameters
    ----------
    text : str
        From `pack`.
    shape : tuple of int
        Shape of the array.

    Returns
    -------
    array of int16
        The values.
    """
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8).reshape(2, -1)
    steps = np.ascontiguousarray(planes.T).view("<u2").ravel()
    return np.cumsum(steps, dtype=np.uint16).view(np.int16).reshape(shape)


def slice_views(comparison: Comparison) -> dict[str, object]:
    """Everything the views of dose on the CT draw.

    Doses are rounded to 0.2 %, CT numbers to 256 greys, uncertainties to 0.1 %, the part of a voxel inside a structure
    to 2 %. Lengths are in cm.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    dict
        To be embedded as JSON: grid, packed volumes, outlines, surfaces, seeds, needles, levels, starting slices.
    """
    data = comparison.data
    axes = {axis: data[axis].values.astype(float) for axis in "xyz"}
    names = ordered_structures(comparison)
    drawn = zlib.compress(json.dumps(outlines(comparison, names), separators=(",", ":")).encode(), _EFFORT)
    return {
        "shape": [int(axes[axis].size) for axis in "xyz"],
        "first": [round(float(axes[axis][0]), 5) for axis in "xyz"],
        "step": [round(float(np.ptp(axes[axis]) / (axes[axis].size - 1)), 6) for axis in "xyz"],
        "start": centre_of(data.structure_fraction.sel(structure=comparison.target).values),
        "prescription": comparison.prescription,
        "logSteps": LOG_STEPS,
        "hidden": HIDDEN,
        "lowestShown": LOWEST_SHOWN,
        "isodoses": [{"percent": percent, "colour": colour} for percent, colour in ISODOSES],
        "labels": [comparison.label(engine) for engine in comparison.engines],
        "maps": _maps(comparison),
        "largestZ": _LARGEST_Z,
        "zSteps": Z_STEPS,
        "gammaSteps": GAMMA_STEPS,
        "partSteps": PART_STEPS,
        "range": _difference_range(comparison),
        "ranges": list(_DIFFERENCE_RANGES),
        "window": list(WINDOW),
        "brightest": BRIGHTEST,
        "media": [str(name).replace("_", " ") for name in data.medium_name.values],
        "structures": [
            {
                "name": str(name),
                "colour": _OUTLINES[i % len(_OUTLINES)],
                "dash": "" if name == comparison.target else _DASHES[i % len(_DASHES)],
                "surfaceColour": _surface_colour(comparison, name, i),
                "target": name == comparison.target,
            }
            for i, name in enumerate(names)
        ],
        "volumes": {name: pack(volume) for name, volume in _volumes(comparison, names).items()},
        "outlines": base64.b64encode(drawn).decode("ascii"),
        "surfaces": _surfaces(comparison, names),
        "seeds": seed_views(comparison),
        "needles": needle_views(comparison),
    }


def _surface_colour(comparison: Comparison, name: str, number: int) -> str:
    """Colour of a structure in space: that of its histogram, which the outline of the body has none of."""
    role = str(comparison.data.structure_role.sel(structure=name).item())
    return "#bdbdbd" if role == "external" else COLOURS[number % len(COLOURS)]


def _surfaces(comparison: Comparison, names: list[str]) -> dict[str, object]:
    """Surfaces of structures, and of the isodose of every dose; vertices in 0.1 mm."""
    data = comparison.data
    axes = [data[axis].values.astype(float) for axis in "xyz"]
    first = np.array([axis[0] for axis in axes])
    step = np.array([np.ptp(axis) / (axis.size - 1) for axis in axes])
    structures = [
        structure_surface(data.structure_fraction.sel(structure=name).values, first, step) for name in names
    ]
    level = 0.01 * SURFACE_ISODOSE * comparison.prescription
    doses = [data[f"dose_{engine}"].values.astype(float) for engine in comparison.engines]
    # No dose is known inside seeds; where a single one is not, a dose from elsewhere ends.
    anywhere = np.isfinite(doses).any(axis=0)
    isodoses = [
        isodose_surface(_everywhere(np.where(anywhere & ~np.isfinite(dose), 0.0, dose)), level, first, step)
        for dose in doses
    ]
    return {
        "percent": SURFACE_ISODOSE,
        "colours": list(_DOSE_SURFACES),
        "structures": [_packed_surface(found) for found in structures],
        "isodoses": [_packed_surface(found) for found in isodoses],
    }


def _packed_surface(found: Surface | None) -> dict[str, str] | None:
    if found is None:
        return None
    # Corners are numbered to 65535, which the unpacked text holds as well as −32768 … 32767.
    corners = found.triangles.astype(np.uint16).view(np.int16)
    return {"vertices": pack(np.rint(100 * found.vertices).T), "triangles": pack(corners.T)}


def _maps(comparison: Comparison) -> list[dict[str, object]]:
    """What the lower row can show: volumes, their name, and whether it is a percentage, a z-score or gamma.

    A percentage is that of the dose `volume` over the dose `over`, both as ln(dose / reference).
    """
    labels = [comparison.label(engine) for engine in comparison.engines]
    names = ["ratio", "", "other"][: len(labels)]
    maps: list[dict[str, object]] = [
        {
            "name": f"{labels[one]} − {labels[two]} / % of {labels[two]}",
            "kind": "percent",
            "volume": names[one],
            "over": names[two],
        }
        for one, two in ((0, 1), (0, 2), (2, 1))
        if max(one, two) < len(labels)
    ]
    data = comparison.data
    if np.isfinite(data.z_score.values).any():
        name = f"z-score, {labels[0]} − {labels[1]} over its uncertainty"
        maps.append({"name": name, "kind": "z", "volume": "z"})
    if "gamma" in data:
        criterion = str(data.gamma_criterion.values[-1])
        maps += [
            {"name": f"gamma {criterion}, {pair}", "kind": "gamma", "volume": f"gamma{k}"}
            for k, pair in enumerate(data.pair.values)
        ]
    return maps


def _volumes(comparison: Comparison, names: list[str]) -> dict[str, NDArray[np.int16]]:
    """Packed values of every voxel.

    Grey value, ln(reference / prescription), ln(judged / reference), ln(other / reference), relative uncertainty of the
    judged dose [0.1 %], medium, z-score, gamma of every pair, part inside every structure that is not empty.
    """
    data = comparison.data
    doses = [data[f"dose_{engine}"].values.astype(float) for engine in comparison.engines]
    judged, reference = doses[:2]
    shown = _shown(comparison, judged, reference)
    ratio = _log_ratio(judged, reference, shown)
    reference = _everywhere(reference)
    log = np.log(np.maximum(reference / comparison.prescription, np.exp(_LOWEST_LOG)))
    uncertainty = np.zeros(judged.shape)
    name = f"dose_{comparison.engines[0]}_std_dev"
    if name in data:
        std_dev = np.nan_to_num(data[name].values.astype(float))
        uncertainty[shown] = np.clip(np.rint(1000 * std_dev[shown] / judged[shown]), 0, 32000)
    low, high = WINDOW
    volumes = {
        "grey": np.rint(GREYS * np.clip((data.hu.values - low) / (high - low), 0, 1)),
        "reference": np.clip(np.rint(LOG_STEPS * log), -32000, 32000),
        "ratio": ratio,
        "uncertainty": uncertainty,
        "medium": data.medium.values,
    }
    for other in doses[2:]:
        volumes["other"] = _log_ratio(other, doses[1], shown & (other > 0))
    z = data.z_score.values.astype(float)
    if np.isfinite(z).any():
        volumes["z"] = _steps(np.clip(z, -_LARGEST_Z, _LARGEST_Z), Z_STEPS, shown & np.isfinite(z))
    if "gamma" in data:
        for k, gamma in enumerate(data.gamma.values.astype(float)):
            volumes[f"gamma{k}"] = _steps(gamma, GAMMA_STEPS, np.isfinite(gamma))
    for k, name in enumerate(names):
        fraction = data.structure_fraction.sel(structure=name).values
        if fraction.any():
            volumes[f"structure{k}"] = np.rint(PART_STEPS * fraction)
    return {name: np.asarray(volume).astype(np.int16) for name, volume in volumes.items()}


def _shown(
    comparison: Comparison, judged: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Voxels of the difference map; not those inside seeds, where a dose is NaN."""
    enough = np.fmax(judged, reference) >= LOWEST_SHOWN * comparison.prescription
    return np.asarray(enough & (judged > 0) & (reference > 0))


def _everywhere(dose: NDArray[np.float64]) -> NDArray[np.float64]:
    """Isodoses run on through seeds: there, the nearest dose is drawn, and never read out."""
    unknown = ~np.isfinite(dose)
    if not unknown.any():
        return dose
    nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return np.asarray(dose[tuple(nearest)])


def _log_ratio(
    dose: NDArray[np.float64], reference: NDArray[np.float64], shown: NDArray[np.bool_]
) -> NDArray[np.float64]:
    return _steps(np.log(np.where(shown, dose, 1.0) / np.where(shown, reference, 1.0)), LOG_STEPS, shown)


def _steps(values: NDArray[np.float64], steps: int, shown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values in whole steps; hidden where they are not shown."""
    found = np.full(values.shape, float(HIDDEN))
    found[shown] = np.clip(np.rint(steps * values[shown]), -32000, 32000)
    return found


def centre_of(fraction: NDArray[np.float32]) -> list[int]:
    """Voxel nearest the centre of mass of a structure; the middle of the grid if it is empty.

    Parameters
    ----------
    fraction : ndarray, shape (nx, ny, nz)
        Part of each voxel inside.

    Returns
    -------
    list of int
        Indices ix, iy, iz.

    Examples
    --------
    >>> centre_of(np.pad(np.ones((1, 2, 3), np.float32), ((2, 0), (0, 1), (0, 0))))
    [2, 0, 1]
    """
    total = float(fraction.sum(dtype=float))
    if total == 0:
        return [n // 2 for n in fraction.shape]
    sums = [fraction.sum(axis=tuple(b for b in range(3) if b != a), dtype=float) for a in range(3)]
    return [round(float(np.arange(s.size) @ s / total)) for s in sums]


def _difference_range(comparison: Comparison) -> int:
    """Colour range that holds 90 % of the voxels drawn, from a fixed list."""
    judged, reference = (
        comparison.data[f"dose_{engine}"].values.astype(float) for engine in comparison.engines[:2]
    )
    shown = _shown(comparison, judged, reference)
    if not shown.any():
        return _DIFFERENCE_RANGES[0]
    largest = float(np.percentile(np.abs(100 * (judged[shown] / reference[shown] - 1)), 90))
    return next((limit for limit in _DIFFERENCE_RANGES if largest <= limit), _DIFFERENCE_RANGES[-1])
