"""A patient case: image, structures, implant and prescription."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_references import DicomReferences
from validation.case.image import Image, TissueMap
from validation.case.implant import Implant
from validation.case.plain_text import is_plain, plain_text
from validation.case.structure import Structure


@dataclass(frozen=True)
class Prescription:
    """The dose a target shall get.

    Parameters
    ----------
    dose_gy : float
        Dose to full decay in Gy.
    target : str
        Name of the structure it is prescribed to.

    Raises
    ------
    InvalidInput
        The dose is not positive.

    Examples
    --------
    >>> Prescription(120.0, "PTV").target
    'PTV'
    """

    dose_gy: float
    target: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "dose_gy", float(self.dose_gy))
        if not (np.isfinite(self.dose_gy) and self.dose_gy > 0):
            raise InvalidInput(
                f"prescribed dose is {self.dose_gy:g} Gy, expected > 0. Give the prescription."
            )


@dataclass(frozen=True, eq=False)
class Case:
    """All that a dose calculation and its judgement need to know about a patient.

    Parameters
    ----------
    name : str
        Short name without patient identity.
    image : Image
        CT.
    structures : mapping of str to Structure
        By name.
    implant : Implant
        Seeds; every centre lies inside the image.
    prescription : Prescription
        Its target is one of the structures.
    provenance : mapping of str to str
        Where the case came from; not part of the digest.
    tissue : TissueMap, optional
        Media and densities on the voxels of the image. They decide the dose; the CT numbers are then for looking
        at only. None: media and densities follow from the CT numbers.
    dicom : DicomReferences, optional
        The CT series that the image was read from, for files that refer to it; not part of the digest.

    Raises
    ------
    InvalidInput
        A seed lies outside the image, the target is not there, a structure is filed under another name,
        there is more than one external, or the tissue map is not on the image's voxels.

    Examples
    --------
    >>> from validation.case import built_in
    >>> neck = built_in("neck")
    >>> neck.prescription
    Prescription(dose_gy=120.0, target='PTV')
    """

    name: str
    image: Image
    structures: dict[str, Structure]
    implant: Implant
    prescription: Prescription
    provenance: Mapping[str, str] = field(default_factory=dict)
    tissue: TissueMap | None = None
    dicom: DicomReferences | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "structures", dict(self.structures))
        object.__setattr__(self, "provenance", {str(k): str(v) for k, v in self.provenance.items()})
        if not is_plain(self.name):
            raise InvalidInput(
                f"case name is {self.name!r}, expected letters, digits, spaces and _ - + . (it becomes a "
                f"file name). Rename it, for example to {plain_text(self.name, 'case')!r}."
            )
        for key, structure in self.structures.items():
            if key != structure.name:
                raise InvalidInput(
                    f"structure {structure.name!r} is filed under {key!r}, expected its own name. Use one "
                    f"name."
                )
        externals = [s.name for s in self.structures.values() if s.role == "external"]
        if len(externals) > 1:
            raise InvalidInput(
                f"externals are {', '.join(externals)}, expected at most one body outline. Give the others "
                f"another role."
            )
        target = self.prescription.target
        if target not in self.structures:
            raise InvalidInput(
                f"prescription target is {target!r}, expected one of "
                f"{', '.join(self.structures) or '(no structures)'}. Draw the target or name another."
            )
        if self.tissue is not None and self.tissue.medium.shape != self.image.hu.shape:
            raise InvalidInput(
                f"tissue map has shape {self.tissue.medium.shape}, expected {self.image.hu.shape} as the image (both "
                f"are on the same voxels). Give both on one grid."
            )
        self._check_seeds_inside()

    def _check_seeds_inside(self) -> None:
        lower, upper = self.image.lower, self.image.upper
        positions = self.implant.positions
        distance = np.linalg.norm(np.maximum(np.maximum(lower - positions, positions - upper), 0.0), axis=1)
        outside = np.flatnonzero(distance > 0)
        if outside.size:
            first = int(outside[0])
            where = ", ".join(f"{v:.2f}" for v in positions[first])
            raise InvalidInput(
                f"seed {first + 1} is at ({where}) cm, {10 * distance[first]:.1f} mm outside the image, "
                f"expected every seed inside it ({outside.size} of {len(positions)} are not). Give the CT "
                f"that belongs to the plan, or remove the seed."
            )

    @property
    def external(self) -> Structure | None:
        """The body outline, if there is one."""
        return next((s for s in self.structures.values() if s.role == "external"), None)

    def with_implant(self, implant: Implant, *, source: str = "another implant") -> Case:
        """Give the same patient other seeds.

        Parameters
        ----------
        implant : Implant
            The seeds to use instead.
        source : str
            Noted in the provenance.

        Returns
        -------
        Case
            A new case.

        Raises
        ------
        InvalidInput
            A seed lies outside the image.

        Examples
        --------
        >>> from dataclasses import replace
        >>> from validation.case import built_in
        >>> neck = built_in("neck")
        >>> weaker = replace(neck.implant, air_kerma_strengths=neck.implant.air_kerma_strengths * 0.8)
        >>> neck.with_implant(weaker).digest() == neck.digest()
        False
        """
        return replace(
            self, implant=implant, provenance={**self.provenance, "implant": plain_text(source, "?")}
        )

    def digest(self) -> str:
        """SHA-256 (hex) of what decides the dose and its judgement.

        Covers image, structures, implant and prescription; not the name, the provenance, or how a file lays
        them out.

        Examples
        --------
        >>> from validation.case import built_in
        >>> len(built_in("neck").digest())
        64
        """
        from validation.case.store import digest

        return digest(self)

    def write(self, path: str | Path) -> None:
        """Write the case to an HDF5 file (``seedmc-case``), whole or not at all.

        Parameters
        ----------
        path : path
            Final name; an existing file is replaced.
        """
        from validation.case.store import write

        write(self, path)

    @staticmethod
    def read(
        source: str | Path,
        *,
        ct_series: str | None = None,
        plan: str | None = None,
        structures: str | None = None,
        seed_list: str | Path | None = None,
        seed_model: str | None = None,
        masks: Mapping[str, str | Path] | None = None,
        media: Mapping[str, str] | None = None,
        prescription: float | None = None,
        target: str | None = None,
        target_margin: float | None = None,
    ) -> Case:
        """Read a case from wherever it is, as ``seedmc case import`` does.

        Parameters
        ----------
        source : str or path
            DICOM folder, case file (``seedmc-case``), EGSnrc phantom (``.egsphant``, ``.egsphant.gz``), or the name of
            a built-in case (``"neck"``).
        ct_series, plan, structures : str, optional
            Which CT series, RTPLAN and RTSTRUCT of a DICOM folder: UID, file name, label or description.
        seed_list : path, optional
            CSV or JSON seed list in place of the seeds.
        seed_model : str, optional
            All seeds are of this packaged model or seed file.
        masks : mapping of str to path, optional
            Further structures: name, and NIfTI or NRRD file (``"file.nii:LABEL"`` for one of several labels).
        media : mapping of str to str, optional
            What a medium of an EGSnrc phantom is in the library.
        prescription : float, optional
            Prescribed dose in Gy instead of that of the plan.
        target : str, optional
            Structure it is prescribed to.
        target_margin : float, optional
            Of an EGSnrc phantom without a drawn target: the target is what lies this near to a seed, cm.

        Returns
        -------
        Case
            The case, checked as when it was made.

        Raises
        ------
        InvalidInput
            No such input, not a complete one, a case file whose content was changed since it was written, or an
            option that does not belong to this input.

        Examples
        --------
        >>> neck = Case.read("neck")
        >>> len(neck.implant), neck.prescription.target
        (11, 'PTV')
        """
        from validation.case.case_source import CaseChoice, ImportChoice, read_case

        choice = CaseChoice(ct_series, plan, structures, seed_list, seed_model)
        masked, known = (
            tuple(f"{name}={value}" for name, value in (given or {}).items()) for given in (masks, media)
        )
        return read_case(source, choice, ImportChoice(masked, known, prescription, target, target_margin))
