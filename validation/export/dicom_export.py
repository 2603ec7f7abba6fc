"""What all DICOM files of one export share: identity, study, frame of reference, UIDs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ImplicitVRLittleEndian

from mcsim.hdf5_file import created_by
from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.case.dicom_references import DicomReferences
from validation.case.plain_text import plain_text
from validation.case.whole_file import whole_file

_LONGEST_LABEL = 16  # characters of an SH value
_ANONYMOUS_ID = 12  # characters of the digest
_LONGEST_ID = 64  # characters of an LO value
# Of this program, derived from its name as PS3.5 annex B.2 allows.
_IMPLEMENTATION = "2.25." + str(int.from_bytes(hashlib.sha256(b"seedmc").digest()[:16], "big"))


@dataclass(frozen=True)
class DicomExport:
    """One set of DICOM files that refer to each other.

    The UIDs follow from the case alone, so that an export made twice, or in parts, fits together.

    Attributes
    ----------
    case : Case
        What is written.
    patient_id : str
        Identity number; empty: the files are marked as without identity and carry the start of the case's digest.
    implant_date : str
        YYYYMMDD: the day the strengths refer to; today by default.
    """

    case: Case
    patient_id: str = ""
    implant_date: str = field(default_factory=lambda: date.today().strftime("%Y%m%d"))

    def __post_init__(self) -> None:
        try:
            datetime.strptime(self.implant_date, "%Y%m%d")
        except ValueError:
            raise InvalidInput(
                f"implant date is {self.implant_date[:16]!r}, expected YYYYMMDD, for example 20240311. Correct it."
            ) from None
        if len(self.patient_id) > _LONGEST_ID or "\\" in self.patient_id or not self.patient_id.isprintable():
            raise InvalidInput(
                f"patient ID is {plain_text(self.patient_id, '?')!r}, expected at most {_LONGEST_ID} printable "
                f"characters without a backslash (DICOM LO). Correct it."
            )

    @cached_property  # asked for thousands of times, a hash of the whole image
    def _case_digest(self) -> str:
        return self.case.digest()

    def uid(self, *parts: str) -> str:
        """A UID of this export (2.25 and 128 bits of a SHA-256), the same for the same case and parts.

        Parameters
        ----------
        *parts : str
            What it names.

        Returns
        -------
        str
        """
        digest = hashlib.sha256("\n".join(["seedmc", self._case_digest, *parts]).encode()).digest()
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

    def references(self) -> DicomReferences:
        """UIDs of the CT that the files refer to: the one the case was read from, or the one `ct_slices` makes."""
        return self.case.dicom or self.own_references()

    def own_references(self) -> DicomReferences:
        """UIDs of the CT that `ct_slices` makes, in the study and frame of the case's own CT if it has one."""
        known = self.case.dicom
        return DicomReferences(
            known.study if known else self.uid("study"),
            self.uid("series", "CT"),
            known.frame_of_reference if known else self.uid("frame of reference"),
            tuple(self.uid("CT", str(k)) for k in range(self.case.image.z.size)),
        )

    @property
    def label(self) -> str:
        """The case's name as a label of at most 16 characters."""
        return self.case.name[:_LONGEST_LABEL].strip()

    def dataset(self, sop_class: str, modality: str, uid: str, *, series_number: int, series: str) -> Dataset:
        """A data set with the modules that every file has.

        Parameters
        ----------
        sop_class, modality : str
            What the file is.
        uid : str
            Its SOPInstanceUID.
        series_number : int
            Distinct for each kind of file.
        series : str
            Description of the series.

        Returns
        -------
        Dataset
        """
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.MediaStorageSOPClassUID = UID(sop_class)
        data.file_meta.MediaStorageSOPInstanceUID = UID(uid)
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        data.file_meta.ImplementationClassUID = UID(_IMPLEMENTATION)
        data.file_meta.ImplementationVersionName = "SEEDMC"
        references = self.references()
        data.SpecificCharacterSet = "ISO_IR 192"
        data.SOPClassUID, data.SOPInstanceUID, data.Modality = sop_class, uid, modality
        data.StudyDate = data.StudyTime = data.AccessionNumber = data.ReferringPhysicianName = ""
        data.StudyInstanceUID, data.StudyID = references.study, ""
        data.SeriesInstanceUID = self.uid("series", modality, series)
        data.SeriesNumber, data.SeriesDescription = str(series_number), series[:_LONGEST_ID]
        data.InstanceNumber = "1"
        data.OperatorsName = ""
        data.FrameOfReferenceUID, data.PositionReferenceIndicator = references.frame_of_reference, ""
        program, _, version = created_by().partition(" ")
        data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = program, program, version
        data.PatientBirthDate = data.PatientSex = ""
        # Not the case's name: readers blot what stands here out of labels.
        data.PatientName = "" if self.patient_id else "ANONYMOUS^"
        data.PatientID = self.patient_id or self.case.digest()[:_ANONYMOUS_ID]
        if not self.patient_id:
            data.PatientIdentityRemoved = "YES"
            data.DeidentificationMethod = "identity was not read into the case"
        return data


def reference(sop_class: str, uid: str) -> Dataset:
    """An item that refers to a file.

    Examples
    --------
    >>> reference("1.2.840.10008.5.1.4.1.1.2", "1.2.3").ReferencedSOPInstanceUID
    '1.2.3'
    """
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def decimal(value: float, digits: int = 10) -> str:
    """A number as DICOM decimal text (at most 16 characters).

    Examples
    --------
    >>> decimal(-123.4567890123), decimal(0.635), decimal(1.2345678901e-7)
    ('-123.456789', '0.635', '1.23456789e-07')
    """
    return f"{float(value) + 0.0:.{digits}g}"


def write_dicom(data: Dataset, path: str | Path) -> None:
    """Write a data set, whole or not at all.

    Parameters
    ----------
    data : Dataset
        From `DicomExport.dataset`.
    path : path
        Final name.
    """
    with whole_file(path) as temporary:
        data.save_as(temporary, enforce_file_format=True)
