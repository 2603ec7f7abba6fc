"""The shared patient and the shared phantom, out and in again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from validation.case import Implant, Prescription, read_dicom
from validation.case.egs_case import around_seeds, egsphant_case, read_egsphant_phantom
from validation.case.egs_phantom import egsphant_text, read_egsphant
from validation.export.ct_series import ct_slices
from validation.export.dicom_export import DicomExport, write_dicom
from validation.export.dose_text import write_text
from validation.export.rtplan import plan
from validation.export.rtstruct import structure_set
from validation.studies.patient_phantom import patient_phantom

PLACE = 1e-3  # cm: 0.01 mm


def test_neck109_comes_back(shared_dir: Path, tmp_path: Path) -> None:
    case = read_dicom(shared_dir / "cases" / "neck109", ct_series="ct", plan="pre")
    export = DicomExport(case, implant_date="20240311")
    write_dicom(structure_set(export), tmp_path / "rtstruct.dcm")
    write_dicom(plan(export), tmp_path / "rtplan.dcm")
    for number, data in enumerate(ct_slices(export)):
        write_dicom(data, tmp_path / "ct" / f"{number:04d}.dcm")
    again = read_dicom(tmp_path)
    assert np.abs(again.implant.positions - case.implant.positions).max() < PLACE
    np.testing.assert_allclose(again.implant.axes, case.implant.axes, rtol=0, atol=1e-6)  # 32-bit floats
    np.testing.assert_array_equal(again.implant.needles, case.implant.needles)
    np.testing.assert_array_equal(again.image.hu, case.image.hu)
    for name, structure in case.structures.items():
        found = again.structures[name]
        assert found.role == structure.role
        for a, b in zip(found.contours, structure.contours, strict=True):
            assert np.abs(a.points - b.points).max() < PLACE
            assert abs(a.z - b.z) < PLACE
    assert again.prescription == case.prescription


def test_neck13_comes_back_and_is_simulated_as_it_is(shared_dir: Path, tmp_path: Path) -> None:
    path = shared_dir / "reference" / "neck13" / "neck13.egsphant.gz"
    phantom = read_egsphant(path)
    write_text(egsphant_text(phantom), tmp_path / "a.egsphant.gz")
    again = read_egsphant(tmp_path / "a.egsphant.gz")
    np.testing.assert_array_equal(again.medium, phantom.medium)
    np.testing.assert_array_equal(again.density, phantom.density)
    for a, b in zip(again.planes, phantom.planes, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
    implant = Implant("6711", [[-1.45, -0.45, 0.05]], [[0, 0, 1]], [0.6], 59.4, [-1])
    image, _, _ = read_egsphant_phantom(path, {})
    target = around_seeds(implant, 0.5, image)
    made, _ = patient_phantom(egsphant_case(path, implant, [target], Prescription(100, target.name), {}), 0.1)
    assert made.media == ("water", "cortical_bone", "air")
    first = [int(np.argmin(np.abs(p - made.planes[k][s.start]))) for k, (p, s) in
             enumerate(zip(phantom.planes, made.scoring, strict=True))]  # fmt: skip
    scored = made.medium[made.scoring]
    where = tuple(slice(f, f + n) for f, n in zip(first, scored.shape, strict=True))
    np.testing.assert_array_equal(scored, phantom.medium[where])
    np.testing.assert_allclose(made.density[made.scoring], phantom.density[where], rtol=1e-6)
