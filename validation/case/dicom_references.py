"""The DICOM files that a case's image was read from, by their UIDs."""

from __future__ import annotations

from dataclasses import dataclass

from mcsim.invalid_input import InvalidInput

_LONGEST = 64  # characters of a UID, PS3.5 section 9


@dataclass(frozen=True)
class DicomReferences:
    """UIDs of the CT series of a case; they name files, not the patient.

    Parameters
    ----------
    study : str
        StudyInstanceUID.
    series : str
        SeriesInstanceUID.
    frame_of_reference : str
        FrameOfReferenceUID.
    slices : sequence of str
        SOPInstanceUID of every slice, from the feet up as the image's z.

    Raises
    ------
    InvalidInput
        A UID is not made of digits and dots.

    Examples
    --------
    >>> DicomReferences("1.2.3", "1.2.3.4", "1.2.3.5", ["1.2.3.4.1", "1.2.3.4.2"]).slices
    ('1.2.3.4.1', '1.2.3.4.2')
    """

    study: str
    series: str
    frame_of_reference: str
    slices: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "slices", tuple(self.slices))
        for uid in (self.study, self.series, self.frame_of_reference, *self.slices):
            if not (0 < len(uid) <= _LONGEST and set(uid) <= set("0123456789.")):
                raise InvalidInput(
                    f"UID is {uid[:_LONGEST]!r}, expected digits and dots, at most {_LONGEST} characters. "
                    f"Export the CT again."
                )
