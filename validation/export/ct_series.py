"""The image of a case as a DICOM CT series, so that structures, plan and dose have something to lie on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_file import CT
from validation.export.dicom_export import DicomExport, decimal

_INTERCEPT = -1024  # HU of a stored 0, as scanners have it
_LARGEST = 2**16 - 1
_CM = 10.0  # mm


def ct_slices(export: DicomExport) -> Iterator[Dataset]:
    """Make one data set per slice, from the feet up, head first supine.

    CT numbers are rounded to 1 HU.

    Parameters
    ----------
    export : DicomExport
        The case.

    Yields
    ------
    Dataset

    Raises
    ------
    InvalidInput
        A CT number does not fit into the 16 bits of a CT file.

    Examples
    --------
    >>> from validation.case import built_in
    >>> first = next(ct_slices(DicomExport(built_in("neck"))))
    >>> first.Rows, first.Columns
    (149, 133)
    """
    image = export.case.image
    stored = np.rint(np.asarray(image.hu, dtype=np.float64) - _INTERCEPT)
    if stored.min() < 0 or stored.max() > _LARGEST:
        raise InvalidInput(
            f"CT numbers of case {export.case.name} are {float(image.hu.min()):g} to {float(image.hu.max()):g} HU, "
            f"expected {_INTERCEPT} to {_LARGEST + _INTERCEPT} HU (a CT file has 16 bits). Clip the image."
        )
    dx, dy, dz = image.spacing
    references = export.own_references()
    for k, z in enumerate(image.z):
        data = export.dataset(CT, "CT", references.slices[k], series_number=1, series="CT of the case")
        data.SeriesInstanceUID = references.series
        data.InstanceNumber = str(k + 1)
        data.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
        data.AcquisitionNumber = data.KVP = None
        data.PatientPosition, data.Laterality = "HFS", ""
        data.SliceThickness = decimal(dz * _CM)
        data.ImagePositionPatient = [decimal(v * _CM) for v in (image.x[0], image.y[0], z)]
        data.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
        data.PixelSpacing = [decimal(dy * _CM), decimal(dx * _CM)]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows, data.Columns = image.y.size, image.x.size
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        data.RescaleIntercept, data.RescaleSlope, data.RescaleType = str(_INTERCEPT), "1", "HU"
        data.WindowCenter, data.WindowWidth = "40", "400"
        data.PixelData = stored[:, :, k].T.astype("<u2").tobytes()
        yield data
