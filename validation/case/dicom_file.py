"""Finding the DICOM files of a folder and reading them without trusting them."""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from mcsim.invalid_input import InvalidInput
from validation.case.plain_text import plain_text

_SUFFIXES = (".dcm", ".ima", ".dicom")  # a file so named claims to be DICOM; others may be anything
_PREAMBLE = 128  # bytes before the letters DICM, PS3.10 section 7.1
_SHORTEST_NAME = 3  # letters; shorter parts of a name occur in any text
_UNDEFINED_LENGTH = 0xFFFFFFFF

CT = "1.2.840.10008.5.1.4.1.1.2"
STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
PLAN = "1.2.840.10008.5.1.4.1.1.481.5"
DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # screenshots; some carry the modality of what they show
_DEFLATED = "1.2.840.10008.1.2.1.99"  # positions are those of the inflated data set
_DIRECTORY = "1.2.840.10008.1.3.10"  # DICOMDIR, the index of an exchange medium
_CLASS_OF_MODALITY = {"CT": CT, "RTSTRUCT": STRUCTURES, "RTPLAN": PLAN}

# All that is read before something is decoded. Pixel data, contours and seeds come later, for chosen files
# only.
_HEADER = [
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "ImageType",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesDescription",
    "FrameOfReferenceUID",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "PatientName",
    "PatientID",
    "StructureSetLabel",
    "RTPlanLabel",
    "RTPlanName",
    "BrachyTreatmentTechnique",
    "BrachyTreatmentType",
]


@dataclass(frozen=True)
class DicomFile:
    """One DICOM file of a folder, its header read."""

    path: Path
    label: str  # path inside the folder, for messages
    header: Dataset
    size: int  # bytes

    @property
    def folder(self) -> str:
        """Name of the folder it lies in."""
        return self.path.parent.name

    def text(self, keyword: str, otherwise: str = "") -> str:
        """Header text made harmless, parts of the patient's name and identity number blotted out."""
        text = str(self.header.get(keyword) or "")
        identity = re.split(r"[\^=\s]+", str(self.header.get("PatientName") or ""))
        identity += [str(self.header.get("PatientID") or "").strip()]
        for part in identity:
            if len(part) >= _SHORTEST_NAME:
                text = re.sub(re.escape(part), "_", text, flags=re.IGNORECASE)
        return plain_text(text, otherwise)

    def uid(self, keyword: str) -> str:
        """Header UID, letters that do not belong in one removed."""
        return plain_text(self.header.get(keyword), "")


@contextmanager
def readable(label: str) -> Iterator[None]:
    """Turn what reading a broken file raises into one sentence that names it.

    Parameters
    ----------
    label : str
        Name of the file.

    Raises
    ------
    InvalidInput
        The block raised something that a broken or truncated file causes.
    """
    try:
        with warnings.catch_warnings():
            # Clinical files break value rules (long labels, odd UIDs) without harm; what matters is checked
            # here.
            warnings.simplefilter("ignore")
            yield
    except InvalidInput:
        raise
    except (
        BytesLengthException,
        InvalidDicomError,
        AttributeError,
        EOFError,
        IndexError,
        KeyError,
        NotImplementedError,
        OSError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
        struct.error,
        zlib.error,
    ) as reason:
        raise InvalidInput(
            f"file {label} is not readable, expected a complete DICOM file ({_short(reason)}). Export it "
            f"again."
        ) from reason


def _short(reason: Exception) -> str:
    text = str(reason).strip().splitlines()
    return (text[0] if text else type(reason).__name__).rstrip(".")[:120]


def required(dataset: Dataset, keyword: str, label: str, why: str) -> Any:
    """Value of an element that must be there.

    Parameters
    ----------
    dataset : Dataset
        Where it must be.
    keyword : str
        DICOM keyword.
    label : str
        Name of the file, with the item if it is inside a sequence.
    why : str
        What it is needed for.

    Raises
    ------
    InvalidInput
        It is missing or empty.
    """
    value = dataset.get(keyword)
    if value is None or (hasattr(value, "__len__") and len(value) == 0):
        raise InvalidInput(
            f"{keyword} of {label} is missing, expected a value ({why}). Export the file again with it."
        )
    return value


def read_complete(file: DicomFile) -> Dataset:
    """Read a whole file and refuse a truncated one.

    Parameters
    ----------
    file : DicomFile
        Which.

    Returns
    -------
    Dataset
        All elements.

    Raises
    ------
    InvalidInput
        The file ends inside an element.
    """
    with readable(file.label), warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        dataset = pydicom.dcmread(file.path)
        # A file cut inside a sequence of undefined length is only warned about.
        ended = next((str(w.message) for w in raised if " in file " in str(w.message)), None)
        deflated = str(dataset.file_meta.get("TransferSyntaxUID", "")) == _DEFLATED
        end = _last_end(dataset)
        if ended is not None or end is None or (end not in (0, file.size) and not deflated):
            raise _truncated(file.label, file.size)
        return dataset


def _truncated(label: str, size: int) -> InvalidInput:
    return InvalidInput(
        f"file {label} is truncated, expected a complete DICOM file (it ends inside an element at byte "
        f"{size}). Export or copy it again."
    )


def _last_end(dataset: Dataset) -> int | None:
    """Where the last element ends in the file; None if an element is shorter than it says.

    Sequences of undefined length are parsed while reading and have no end to compare: 0 if one is last.
    """
    end = 0
    for tag in list(dataset.keys()):
        element: Any = dataset.get_item(tag)  # a RawDataElement until its value is asked for
        end = 0
        if isinstance(element, RawDataElement) and element.length != _UNDEFINED_LENGTH:
            if element.value is not None and len(element.value) != element.length:
                return None
            end = element.value_tell + element.length
    return end


def scan(folder: str | Path) -> tuple[list[DicomFile], int]:
    """Read the headers of all DICOM files under a folder.

    Parameters
    ----------
    folder : path
        Searched with its subfolders; hidden files and folders are left out.

    Returns
    -------
    files : list of DicomFile
        By path: CT images, structure sets and plans.
    others : int
        How many files are none of these.

    Raises
    ------
    InvalidInput
        The folder is missing, or a file that claims to be DICOM is empty, not DICOM, broken, or of a class
        that contradicts its modality.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InvalidInput(f"DICOM folder is {folder}, expected an existing folder. Check the name.")
    files, others = [], 0
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if any(name.startswith(".") for name in inside.parts) or not path.is_file():
            continue
        file = _open(path, inside.as_posix())
        if file is None:
            others += 1
            continue
        with readable(file.label):  # values are decoded when they are asked for
            wanted = _is_wanted(file)
        files += [file] if wanted else []
        others += not wanted
    return files, others


def open_dicom(path: str | Path) -> DicomFile:
    """Read the header of one DICOM file that is given by its name.

    Parameters
    ----------
    path : path
        File, whatever its ending.

    Returns
    -------
    DicomFile

    Raises
    ------
    InvalidInput
        It is missing, not DICOM, or broken.

    Examples
    --------
    >>> try:
    ...     open_dicom("missing.dcm")
    ... except InvalidInput as reason:
    ...     print(reason)
    file missing.dcm is not there, expected a DICOM file. Check the name.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"file {path} is not there, expected a DICOM file. Check the name.")
    file = _open(path, path.name)
    if file is None:
        raise InvalidInput(
            f"file {path.name} is not a DICOM file, expected the letters DICM after {_PREAMBLE} bytes. Give one."
        )
    return file


def _open(path: Path, label: str) -> DicomFile | None:
    """Header of a file, or None if it does not claim to be DICOM."""
    claims = path.suffix.lower() in _SUFFIXES
    with readable(label):
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(_PREAMBLE + 4)
        if start[_PREAMBLE:] != b"DICM":
            if not claims:
                return None
            found = "empty (0 bytes)" if size == 0 else "not a DICOM file"
            raise InvalidInput(
                f"file {label} is {found}, expected the letters DICM after {_PREAMBLE} bytes. "
                f"Export it again or remove it."
            )
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_HEADER))
        if _last_end(header) is None:
            raise _truncated(label, size)
        header.decode()
    return DicomFile(path, label, header, size)


def _is_wanted(file: DicomFile) -> bool:
    """Whether a file is a CT image, structure set or plan; refuses one whose class and modality disagree."""
    modality, sop_class = str(file.header.get("Modality", "")), str(file.header.get("SOPClassUID", ""))
    if sop_class == _ENHANCED_CT:
        raise InvalidInput(
            f"file {file.label} is an enhanced multi-frame CT, expected one file per slice (CT Image "
            f"Storage). Export the series as single slices."
        )
    if sop_class == _SECONDARY_CAPTURE:
        return False
    if not sop_class:
        if file.header.file_meta.get("MediaStorageSOPClassUID") == _DIRECTORY:
            return False
        raise InvalidInput(
            f"SOPClassUID of {file.label} is missing, expected one (it says whether the file is an image, structures "
            f"or a plan; the file may be truncated). Export or copy it again."
        )
    expected = _CLASS_OF_MODALITY.get(modality)
    if sop_class in _CLASS_OF_MODALITY.values() or expected is not None:
        if sop_class != expected:
            name = plain_text(pydicom.uid.UID(sop_class).name, "missing")
            raise InvalidInput(
                f"SOPClassUID of {file.label} is {name}, expected that of modality "
                f"{plain_text(modality, 'missing')} (the file contradicts itself). Export it again."
            )
        return True
    return False
