"""Contents of the slice views: volumes packed for the browser, outlines and seeds."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage import measure

from validation.case.implant import SEED_LENGTH
from validation.report.tables import ordered_structures
from validation.studies.compare import Comparison

# scikit-image ships without types.
_find_contours: Callable[..., list[NDArray[np.float64]]] = measure.find_contours
_approximate_polygon: Callable[..., NDArray[np.float64]] = measure.approximate_polygon

#: Isodose levels in % of the prescription and their colours, told apart with any colour vision on grey.
ISODOSES = ((50, "#56B4E9"), (100, "#F0E442"), (150, "#E07B00"), (200, "#FF8AD8"))
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
_WINDOW = (-160.0, 240.0)  # HU: soft tissue
_DIFFERENCE_RANGES = (5, 10, 20, 30, 50, 100)
_TOLERANCE = 0.01  # cm: an outline moved by 0.1 mm looks the same
_OUTLINES = (
    "#ffffff",
    "#7ee0c3",
    "#ffb38a",
    "#b7c9ff",
    "#e3d08f",
    "#d7a8e8",
    "#9fd3ff",
    "#c8e6a0",
    "#cfcfcf",
)


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
    return base64.b64encode(zlib.compress(np.ascontiguousarray(planes).tobytes(), 9)).decode("ascii")


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
    """Everything the slice views draw.

    Doses are rounded to 0.2 %, CT numbers to 256 greys, uncertainties to 0.1 %.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    dict
        To be embedded as JSON: grid, packed volumes, outlines, seeds, levels and the starting slices.
    """
    data = comparison.data
    axes = {axis: data[axis].values.astype(float) for axis in "xyz"}
    names = ordered_structures(comparison)
    outlines = zlib.compress(json.dumps(_outlines(comparison, names), separators=(",", ":")).encode(), 9)
    return {
        "shape": [int(axes[axis].size) for axis in "xyz"],
        "first": [round(float(axes[axis][0]), 5) for axis in "xyz"],
        "step": [round(float(np.ptp(axes[axis]) / (axes[axis].size - 1)), 6) for axis in "xyz"],
        "start": _centre(data.structure_fraction.sel(structure=comparison.target).values),
        "prescription": comparison.prescription,
        "logSteps": LOG_STEPS,
        "hidden": HIDDEN,
        "isodoses": [{"percent": percent, "colour": colour} for percent, colour in ISODOSES],
        "labels": [comparison.label(engine) for engine in comparison.engines],
        "maps": _maps(comparison),
        "largestZ": _LARGEST_Z,
        "zSteps": Z_STEPS,
        "gammaSteps": GAMMA_STEPS,
        "range": _difference_range(comparison),
        "ranges": list(_DIFFERENCE_RANGES),
        "window": list(_WINDOW),
        "media": [str(name).replace("_", " ") for name in data.medium_name.values],
        "structures": [
            {"name": str(name), "colour": _OUTLINES[i % len(_OUTLINES)], "target": name == comparison.target}
            for i, name in enumerate(names)
        ],
        "volumes": {name: pack(volume) for name, volume in _volumes(comparison).items()},
        "outlines": base64.b64encode(outlines).decode("ascii"),
        "seeds": _seeds(comparison),
    }


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


def _volumes(comparison: Comparison) -> dict[str, NDArray[np.int16]]:
    """Packed values of every voxel.

    Grey value, ln(reference / prescription), ln(judged / reference), ln(other / reference), relative uncertainty of the
    judged dose [0.1 %], medium, z-score, gamma of every pair.
    """
    data = comparison.data
    doses = [data[f"dose_{engine}"].values.astype(float) for engine in comparison.engines]
    judged, reference = doses[:2]
    shown = (
        (np.fmax(judged, reference) >= LOWEST_SHOWN * comparison.prescription)
        & (judged > 0)
        & (reference > 0)
    )  # NaN inside seeds: not shown
    ratio = _log_ratio(judged, reference, shown)
    unknown = ~np.isfinite(reference)
    if unknown.any():
        # Isodose lines run on through seeds; the nearest dose is only drawn, never read out.
        nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
        reference = reference[tuple(nearest)]
    log = np.log(np.maximum(reference / comparison.prescription, np.exp(_LOWEST_LOG)))
    uncertainty = np.zeros(judged.shape)
    name = f"dose_{comparison.engines[0]}_std_dev"
    if name in data:
        std_dev = np.nan_to_num(data[name].values.astype(float))
        uncertainty[shown] = np.clip(np.rint(1000 * std_dev[shown] / judged[shown]), 0, 32000)
    low, high = _WINDOW
    volumes = {
        "grey": np.rint(255 * np.clip((data.hu.values - low) / (high - low), 0, 1)),
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
    return {name: np.asarray(volume).astype(np.int16) for name, volume in volumes.items()}


def _log_ratio(
    dose: NDArray[np.float64], reference: NDArray[np.float64], shown: NDArray[np.bool_]
) -> NDArray[np.float64]:
    return _steps(np.log(np.where(shown, dose, 1.0) / np.where(shown, reference, 1.0)), LOG_STEPS, shown)


def _steps(values: NDArray[np.float64], steps: int, shown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values in whole steps; hidden where they are not shown."""
    found = np.full(values.shape, float(HIDDEN))
    found[shown] = np.clip(np.rint(steps * values[shown]), -32000, 32000)
    return found


def _centre(fraction: NDArray[np.float32]) -> list[int]:
    """Voxel nearest the centre of mass of a structure; the middle of the grid if it is empty."""
    total = float(fraction.sum(dtype=float))
    if total == 0:
        return [n // 2 for n in fraction.shape]
    sums = [fraction.sum(axis=tuple(b for b in range(3) if b != a), dtype=float) for a in range(3)]
    return [round(float(np.arange(s.size) @ s / total)) for s in sums]


def _difference_range(comparison: Comparison) -> int:
    """Colour range that holds 90 % of the target's voxels, from a fixed list."""
    data = comparison.data.sel(structure=comparison.target, difference_unit=comparison.relative_unit)
    largest = float(np.abs(data.difference_percentile.values).max())
    return next((limit for limit in _DIFFERENCE_RANGES if largest <= limit), _DIFFERENCE_RANGES[-1])


def _tenths(points: NDArray[np.float64]) -> list[int]:
    """Flat list of coordinates in 0.1 mm."""
    return [int(v) for v in np.rint(points * 100).ravel()]


def _outlines(comparison: Comparison, names: list[str]) -> dict[str, list[list[list[list[int]]]]]:
    """Closed curves [slice][structure][curve], flat coordinate pairs in 0.1 mm."""
    data = comparison.data
    fractions = data.structure_fraction.sel(structure=names).values
    x, y, z = (data[axis].values for axis in "xyz")
    return {
        "axial": _axial_outlines(comparison, names),
        "coronal": [[_level_curves(f[:, j, :], x, z) for f in fractions] for j in range(y.size)],
        "sagittal": [[_level_curves(f[i], y, z) for f in fractions] for i in range(x.size)],
    }


def _axial_outlines(comparison: Comparison, names: list[str]) -> list[list[list[list[int]]]]:
    """The contours themselves on each slice that lies in their slab."""
    data = comparison.data
    vertices = np.stack([data.contour_x.values, data.contour_y.values], axis=1).astype(float)
    curves = np.split(vertices, data.contour_first_vertex.values[1:])
    simple = [_tenths(_approximate_polygon(np.vstack([c, c[:1]]), _TOLERANCE)) for c in curves]
    place = [names.index(data.structure.values[s]) for s in data.contour_structure.values]
    slices: list[list[list[list[int]]]] = []
    for level in data.z.values:
        # A slice half-way between two planes belongs to one of them only.
        offset = level - data.contour_z.values
        half = data.contour_thickness.values / 2
        drawn: list[list[list[int]]] = [[] for _ in names]
        for c in np.flatnonzero((offset > -half + 1e-6) & (offset <= half + 1e-6)):
            drawn[place[c]].append(simple[c])
        slices.append(drawn)
    return slices


def _level_curves(
    fraction: NDArray[np.float32], across: NDArray[np.float64], up: NDArray[np.float64]
) -> list[list[int]]:
    """Lines along which half of a voxel lies inside a structure."""
    if fraction.max() < 0.5:
        return []
    curves = _find_contours(np.pad(fraction, 1), 0.5)
    origin = np.array([across[0] - (across[1] - across[0]), up[0] - (up[1] - up[0])])
    step = np.array([across[1] - across[0], up[1] - up[0]])
    return [_tenths(_approximate_polygon(origin + curve * step, _TOLERANCE)) for curve in curves]


def _seeds(comparison: Comparison) -> list[list[float]]:
    """Both ends of each seed [cm], six numbers."""
    position = comparison.data.seed_position.values
    half = 0.5 * SEED_LENGTH * comparison.data.seed_axis.values
    ends = np.hstack([position - half, position + half])
    return [[round(float(v), 4) for v in row] for row in ends]
