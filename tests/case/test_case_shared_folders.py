from __future__ import annotations

import json

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.case import read_dicom
from validation.evaluate.structure_fractions import structure_fractions

# What each spoilt folder must be refused with: the file or object, and what is wrong with it.
REFUSED = {
    "01_truncated_rtplan": r"rtplan.dcm is truncated",
    "02_hdr_afterloader_plan": r"BrachyTreatmentType of rtplan.dcm is HDR, expected MANUAL or LDR",
    "03_ct_missing_slice": r"ct/CT_007.dcm and ct/CT_009.dcm are 5 mm apart.*1 slice\(s\) are missing",
    "04_ct_duplicated_slice": r"ct/CT_008.dcm and ct/CT_099.dcm both lie at z = -452.5 mm",
    "05_ct_mixed_orientation": r"ImageOrientationPatient of ct/CT_006.dcm .*2 of 15 differ",
    "06_ct_two_series": r"CT series are 2, expected one: .*15 slices.*15 slices",
    "07_ct_nonuniform_spacing": r"are 3.4 mm apart, expected 2.5 mm .*the spacing is not uniform",
    "08_ct_no_rescaleslope": r"RescaleSlope of ct/CT_001.dcm is missing",
    "09_rtstruct_other_frame": r"frame of reference of structure BODY in rtstruct.dcm",
    "10_roi_without_contours": r"target of rtplan.dcm is ROI 2, .*GTV has no contours",
    "11_open_contour": r"contour 4 of structure GTV in rtstruct.dcm is OPEN_PLANAR",
    "12_contour_nan": r"point 4 of contour 5 of structure GTV in rtstruct.dcm is \[nan",
    "13_seed_outside_ct": r"seed 3 is at \(21.90, -17.26, -45.25\) cm, 156.8 mm outside the image",
    "14_seeds_overlapping": r"seeds 1 and 2 overlap by 0.67 mm",
    "15_zero_air_kerma": r"ReferenceAirKermaRate of source 1 of rtplan.dcm is 0 U",
    "16_negative_half_life": r"SourceIsotopeHalfLife of source 1 of rtplan.dcm is -59.4 d",
    "17_wrong_sop_class": r"SOPClassUID of rtplan.dcm is RT Dose Storage",
    "18_text_as_dcm": r"rtplan.dcm is not a DICOM file",
    "19_empty_rtplan": r"rtplan.dcm is empty",
    "20_gigantic_rows": r"size of ct/CT_005.dcm is 65535 x 65535 pixels",
    "22_ct_one_coronal_slice": r"ImageOrientationPatient of ct/CT_010.dcm",
    "23_empty_ct_file": r"ct/CT_005.dcm is empty",
    "24_gigantic_frames": r"size of ct/CT_006.dcm is 65535 x 65535 pixels in 2147483647 frame",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_spoilt_folder_is_refused_in_one_good_sentence(shared_dir, name):
    with pytest.raises(InvalidInput, match=REFUSED[name]) as refused:
        read_dicom(shared_dir / "cases" / "malformed" / name)
    message = str(refused.value)
    assert "expected" in message
    assert "\n" not in message
    assert message.endswith(".")


def test_every_spoilt_folder_is_covered(shared_dir):
    folders = {f.name for f in (shared_dir / "cases" / "malformed").iterdir() if f.is_dir()}
    assert folders == {*REFUSED, "00_control_good", "21_path_and_script_names"}


def test_the_control_loads(shared_dir):
    case = read_dicom(shared_dir / "cases" / "malformed" / "00_control_good")
    assert case.image.hu.shape == (48, 48, 15)
    assert list(case.structures) == ["BODY", "GTV", "PTV"]
    assert len(case.implant) == 3


def test_path_and_markup_names_load_harmless(shared_dir, tmp_path):
    case = read_dicom(shared_dir / "cases" / "malformed" / "21_path_and_script_names")
    path = tmp_path / "case.h5"
    case.write(path)
    texts = [case.name, *case.structures, *case.provenance.values()]
    assert not any(mark in text for text in texts for mark in ("/", "\\", "<", ">", "..", "'", '"', ";\x1b"))


@pytest.fixture(scope="module", params=[("ct", "PRE", "plan_pre"), ("ct_post", "POST", "plan_post")])
def neck109(request, shared_dir):
    ct_series, plan, key = request.param
    folder = shared_dir / "cases" / "neck109"
    truth = json.loads((folder / "truth.json").read_text())
    return read_dicom(folder, ct_series=ct_series, plan=plan), truth, truth[key]


def test_neck109_seeds_are_where_they_were_put(neck109):
    case, truth, plan = neck109
    expected = np.array([seed["pos_mm"] for seed in plan["seeds"]])
    np.testing.assert_allclose(case.implant.positions * 10, expected, atol=0.01)  # mm; text has 0.1 mm
    np.testing.assert_array_equal(case.implant.needles, [seed["needle"] for seed in plan["seeds"]])
    # The direction is stored as 32-bit floating point.
    cosine = np.abs(case.implant.axes @ truth["needle_direction"])
    np.testing.assert_allclose(cosine, 1.0, atol=1e-6)
    assert case.implant.total_air_kerma_strength == pytest.approx(plan["total_U"])
    assert case.implant.model == "6711"
    assert case.prescription.dose_gy == truth["prescription"]["dose_gy"]
    assert case.prescription.target == truth["prescription"]["target"]


def test_neck109_image_lies_where_the_ct_does(neck109):
    case, truth, _ = neck109
    ct = truth["ct"]
    corner = np.array([case.image.x[0], case.image.y[0], case.image.z[0]]) * 10
    np.testing.assert_allclose(corner, ct["ipp_inferior_slice_mm"], atol=1e-6)
    np.testing.assert_allclose(np.array(case.image.spacing) * 10, [1.0, 1.0, 2.5], atol=1e-6)
    assert case.image.hu.shape == (ct["columns"], ct["rows"], ct["slices"])
    if "planning" in case.provenance["ct_description"]:
        assert case.image.hu.min() == ct["hu_min"]
        assert case.image.hu.max() == ct["hu_max"]


def test_neck109_volumes_are_those_of_the_contours(neck109):
    case, truth, _ = neck109
    axes = (case.image.x, case.image.y, case.image.z)
    for name, expected in truth["structures"].items():
        structure = case.structures[name]
        assert len(structure.contours) == expected["n_contours_xor"]
        assert len(structure.planes) == expected["n_slices"]
        fractions = structure_fractions(structure, *axes)
        volume = fractions.sum() * np.prod(case.image.spacing)
        # Scan lines 0.06 mm apart; the mandible and the larynx have curves of a few mm.
        assert volume == pytest.approx(expected["volume_cm3_contours"], rel=1e-3)
