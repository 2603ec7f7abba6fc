"""Displacements measured on a post-implant CT as settings of a study."""

from __future__ import annotations

import math
from pathlib import Path

from validation.change import Displacement
from validation.studies.json_document import read_json_document
from validation.studies.study_settings import CM_PER_MM, DEGREE

POST_IMPLANT_FILETYPE = "seedmc-post-implant"
# Fields of the displacement, and of the settings in their unit.
_LENGTHS = {
    "along_mean": "along_mean_mm", "along_sd": "along_mm", "across_sd": "across_mm",
    "needle_along_sd": "needle_along_mm", "needle_across_sd": "needle_across_mm",
}  # fmt: skip


def measured_displacement(path: str | Path) -> dict[str, float]:
    """Fields of `StudySettings` that a post-implant check stands for.

    Parameters
    ----------
    path : path
        ``post_implant.json`` of `seedmc post-implant`.

    Returns
    -------
    dict of str to float
        ``along_mean_mm``, ``along_mm``, ``across_mm``, ``needle_along_mm``, ``needle_across_mm``, ``tilt_deg`` and
        ``loss``, rounded to 1 µm, 10⁻³ degrees and 10⁻⁶: less than what a CT tells.

    Raises
    ------
    InvalidInput
        Not such a file, or one in which too few seeds were matched for a spread.
    """
    path = Path(path)
    content = read_json_document(
        path, "displacements", POST_IMPLANT_FILETYPE, "post_implant.json of `seedmc post-implant`"
    )
    displacement = Displacement.from_statistics(content.get("displacement") or {})
    values = {name: round(_number(displacement, field) / CM_PER_MM, 3) for field, name in _LENGTHS.items()}
    values["tilt_deg"] = round(_number(displacement, "tilt_sd") / DEGREE, 3)
    values["loss"] = round(_number(displacement, "loss_probability"), 6)
    return values


def _number(displacement: Displacement, field: str) -> float:
    value = float(getattr(displacement, field))
    return 0.0 if math.isnan(value) else value
