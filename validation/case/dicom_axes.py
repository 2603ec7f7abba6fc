"""Axial DICOM planes and the patient's axes: which way rows and columns go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]
_Scalar = TypeVar("_Scalar", bound=np.generic)

_TILT = 1e-3  # direction cosine; 0.06 degrees shifts the far edge of a 25 cm field by 0.25 mm


def axial_directions(orientation: Sequence[float] | FloatArray, label: str) -> tuple[FloatArray, FloatArray]:
    """Directions along a row and along a column, refused unless along the patient's x and y.

    Parameters
    ----------
    orientation : sequence of six floats
        ImageOrientationPatient. Head or feet first, supine, prone or decubitus: any signs, and rows along y.
    label : str
        Name of the file.

    Returns
    -------
    along_row, along_column : ndarrays, shape (3,)

    Raises
    ------
    InvalidInput
        Tilted, not of unit length, not axial, or parallel.

    Examples
    --------
    >>> axial_directions([1, 0, 0, 0, 1, 0], "ct.dcm")[1].tolist()
    [0.0, 1.0, 0.0]
    """
    along_row, along_column = np.reshape(np.asarray(orientation, dtype=np.float64), (2, 3))
    for direction in (along_row, along_column):
        sideways = np.delete(direction, np.argmax(np.abs(direction)))
        if (
            np.abs(sideways).max() > _TILT
            or abs(np.linalg.norm(direction) - 1) > _TILT
            or abs(direction[2]) > 0.5
        ):
            raise InvalidInput(
                f"ImageOrientationPatient of {label} is "
                f"{tuple(round(float(v), 4) for v in orientation)}, expected axial slices along the "
                f"patient axes (tilted or reformatted series are not read). Resample the series to axial "
                f"slices."
            )
    if abs(np.dot(along_row, along_column)) > _TILT:
        raise InvalidInput(
            f"ImageOrientationPatient of {label} has parallel directions, expected rows and "
            f"columns at right angles. Export the series again."
        )
    return along_row, along_column


def in_plane_coordinates(
    position: Sequence[float] | FloatArray,
    orientation: Sequence[float] | FloatArray,
    spacing: Sequence[float] | FloatArray,
    rows: int,
    columns: int,
) -> tuple[FloatArray, FloatArray]:
    """Pixel centres along patient x and y in mm, in the order of the stored pixels.

    Parameters
    ----------
    position : sequence of three floats
        Centre of the first pixel, mm.
    orientation : sequence of six floats
        Axial ImageOrientationPatient.
    spacing : sequence of two floats
        Between rows and between columns, mm.
    rows, columns : int
        Size of the plane.

    Returns
    -------
    x, y : ndarrays

    Examples
    --------
    >>> in_plane_coordinates((5, 0, 0), (-1, 0, 0, 0, 1, 0), (2, 1), 2, 3)[0].tolist()
    [5.0, 4.0, 3.0]
    """
    along_row, along_column = np.reshape(np.asarray(orientation, dtype=np.float64), (2, 3))
    between_rows, between_columns = (float(s) for s in spacing)
    column, row = np.arange(columns) * between_columns, np.arange(rows) * between_rows
    x0, y0 = float(position[0]), float(position[1])
    if abs(along_row[0]) > 0.5:
        return x0 + np.sign(along_row[0]) * column, y0 + np.sign(along_column[1]) * row
    return x0 + np.sign(along_column[0]) * row, y0 + np.sign(along_row[1]) * column


def to_patient(pixels: NDArray[_Scalar], orientation: Sequence[float] | FloatArray) -> NDArray[_Scalar]:
    """Turn [row, column] into [ix, iy] with both ascending in LPS.

    Parameters
    ----------
    pixels : ndarray, shape (rows, columns)
        One plane.
    orientation : sequence of six floats
        Axial ImageOrientationPatient.

    Returns
    -------
    ndarray, shape (nx, ny)

    Examples
    --------
    >>> to_patient(np.array([[1, 2, 3]]), (-1, 0, 0, 0, 1, 0)).tolist()
    [[3], [2], [1]]
    """
    along_row, along_column = np.reshape(np.asarray(orientation, dtype=np.float64), (2, 3))
    if abs(along_row[0]) > 0.5:
        turned, x_sign, y_sign = pixels.T, along_row[0], along_column[1]
    else:
        turned, x_sign, y_sign = pixels, along_column[0], along_row[1]
    return turned[:: 1 if x_sign > 0 else -1, :: 1 if y_sign > 0 else -1]
