"""The patient case, what changes it, and how two doses are judged; the Python interface.

The main job in four lines::

    from validation import Case, compare, monte_carlo_dose, tg43_dose

    case = Case.read("neck")  # a DICOM folder, a case file, an .egsphant, or a built-in case
    mc, tg43 = monte_carlo_dose(case), tg43_dose(case)
    comparison = compare(case, mc, tg43)

Results are `xarray.Dataset` objects in cm, Gy and U with ``units`` and ``description`` on every variable; further
methods (indices, figures, files) stand under ``.seedmc``, see `validation.interface.accessor.SeedmcAccessor`. The
numbers are, bit for bit, those of the commands ``seedmc simulate``, ``tg43``, ``compare``, ``characterise``, ``study``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcsim.invalid_input import InvalidInput
    from validation.case.case import Case
    from validation.interface.characterisation import characterise
    from validation.interface.doses import monte_carlo_dose, tg43_dose
    from validation.interface.judgement import compare
    from validation.interface.results import read_result
    from validation.interface.studies import displacement_study, edema_study, shrinkage_study

__all__ = [
    "Case",
    "InvalidInput",
    "characterise",
    "compare",
    "displacement_study",
    "edema_study",
    "monte_carlo_dose",
    "read_result",
    "shrinkage_study",
    "tg43_dose",
]

# Loaded when asked for: importing any part of the package imports this file first, and `seedmc --help` must be quick.
_HOMES = {
    "Case": "validation.case.case",
    "InvalidInput": "mcsim.invalid_input",
    "characterise": "validation.interface.characterisation",
    "compare": "validation.interface.judgement",
    "displacement_study": "validation.interface.studies",
    "edema_study": "validation.interface.studies",
    "monte_carlo_dose": "validation.interface.doses",
    "read_result": "validation.interface.results",
    "shrinkage_study": "validation.interface.studies",
    "tg43_dose": "validation.interface.doses",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
