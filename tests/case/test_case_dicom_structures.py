from __future__ import annotations

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.case import read_dicom


def with_rois(patient, *more, gtv=None):
    """BODY and GTV, then further structures."""
    gtv = gtv or [patient.contour(3.0 * k, patient.square(4)) for k in range(2, 5)]
    body = [patient.contour(3.0 * k, patient.square(7)) for k in range(7)]
    patient.structures = patient.structure_set([("BODY", "EXTERNAL", body), ("GTV", "GTV", gtv), *more])
    return read_dicom(patient.write())


def test_contours_come_in_cm_on_the_slices_of_the_ct(patient):
    gtv = [patient.contour(3.0 * k + 0.04, patient.square(4)) for k in range(2, 5)]
    case = with_rois(patient, gtv=gtv)
    structure = case.structures["GTV"]
    assert structure.role == "target"
    assert structure.planes.tolist() == case.image.z[2:5].tolist()
    np.testing.assert_allclose(structure.contours[0].points, np.array(patient.square(4)) / 10, atol=1e-12)
    assert sum(c.area for c in structure.contours) * structure.slice_thickness == pytest.approx(
        3 * 0.64 * 0.3
    )


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("ORGAN", "organ"),
        ("CTV", "target"),
        ("AVOIDANCE", "avoidance"),
        ("CAVITY", "cavity"),
        ("SUPPORT", "other"),
        ("", "other"),
    ],
)
def test_roles_follow_the_interpreted_type(patient, kind, role):
    case = with_rois(patient, ("LARYNX", kind, [patient.contour(9.0, patient.square(2))]))
    assert case.structures["LARYNX"].role == role


def test_a_role_comes_from_the_name_only_if_the_type_is_missing(patient):
    drawn = [patient.contour(9.0, patient.square(2))]
    case = with_rois(patient, ("PTV_high", "", drawn), ("PTV ring", "AVOIDANCE", drawn))
    assert case.structures["PTV_high"].role == "target"
    assert case.structures["PTV ring"].role == "avoidance"


@pytest.mark.parametrize(
    ("planes", "thickness"),
    [
        ([6.0, 9.0, 12.0], 0.3),
        ([0.0, 6.0, 12.0], 0.6),
        ([1.0, 2.0, 3.0], 0.1),
        ([9.0], 0.3),
        ([0.0, 12.0], 0.3),
    ],
)
def test_the_slab_of_a_contour_follows_how_densely_it_is_drawn(patient, planes, thickness):
    case = with_rois(patient, ("NODE", "ORGAN", [patient.contour(z, patient.square(2)) for z in planes]))
    assert case.structures["NODE"].slice_thickness == pytest.approx(thickness)
    assert ("planes are missing" in case.provenance.get("notes", "")) == (planes == [0.0, 12.0])


def test_rois_without_area_are_left_out_and_named(patient):
    case = with_rois(
        patient,
        ("EMPTY", "ORGAN", []),
        ("ISOCENTRE", "ISOCENTER", [patient.contour(9.0, [(27.0, -19.0)], "POINT")]),
        ("SPECK", "ORGAN", [patient.contour(9.0, [(27.0, -19.0), (28.0, -19.0)])]),
    )
    assert list(case.structures) == ["BODY", "GTV"]
    for reason in (
        "EMPTY has no contours",
        "ISOCENTRE is made of points",
        "SPECK has no contour with an area",
    ):
        assert f"left out: {reason}" in case.provenance["notes"]


def test_names_are_harmless_and_distinct(patient):
    drawn = [patient.contour(9.0, patient.square(2))]
    case = with_rois(
        patient,
        ("../../etc/passwd", "ORGAN", drawn),
        ("<script>alert(1)</script>", "ORGAN", drawn),
        ("gtv", "ORGAN", drawn),
        ("", "ORGAN", drawn),
        ("Lunge links ä", "ORGAN", drawn),
    )
    assert list(case.structures)[2:] == [
        "etc_passwd",
        "script_alert_1_script",
        "gtv_ROI_5",
        "ROI 6",
        "Lunge links ä",
    ]


def spoil_contour(index, **values):
    def spoil(structures):
        item = structures.ROIContourSequence[1].ContourSequence[index]
        for keyword, value in values.items():
            setattr(item, keyword, value)

    return spoil


def not_a_number(structures):
    item = structures.ROIContourSequence[1].ContourSequence[2]
    # Written as the bytes of a decimal string: pydicom itself would not accept it as a value.
    item["ContourData"]._value = ["NaN" if i == 3 else str(v) for i, v in enumerate(item.ContourData)]


FAULTS = {
    "open": (
        spoil_contour(1, ContourGeometricType="OPEN_PLANAR"),
        r"contour 2 of structure GTV in rtstruct.dcm is OPEN_PLANAR",
    ),
    "no type": (spoil_contour(0, ContourGeometricType=""), r"contour 1 of structure GTV .* is of no type"),
    "not a number": (not_a_number, r"point 2 of contour 3 of structure GTV in rtstruct.dcm is \[nan"),
    "tilted": (
        spoil_contour(0, ContourData=[23, -23, 6, 31, -23, 6, 31, -15, 7.5]),
        r"z of contour 1 of structure GTV in rtstruct.dcm varies by 1.5 mm",
    ),
    "lost value": (spoil_contour(0, ContourData=[23, -23, 6, 31, -23]), r"contour 1 .* has 5 values"),
    "no points": (spoil_contour(0, ContourData=None), r"contour 1 .* has 0 values"),
    "other frame": (
        lambda s: setattr(s.StructureSetROISequence[1], "ReferencedFrameOfReferenceUID", "1.2.3.999"),
        r"frame of reference of structure GTV in rtstruct.dcm is 1.2.3.999, expected .* 1.2.3.100",
    ),
    "target without contours": (
        lambda s: delattr(s.ROIContourSequence[1], "ContourSequence"),
        r"target of rtplan.dcm is ROI 2, expected .*: BODY \(GTV has no contours\)",
    ),
    "numbers twice": (
        lambda s: setattr(s.StructureSetROISequence[1], "ROINumber", 1),
        r"ROI number 1 is used for BODY and GTV",
    ),
    "no names": (lambda s: delattr(s, "StructureSetROISequence"), r"StructureSetROISequence of rtstruct.dcm"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_structure_set_is_refused_with_the_reason(patient, fault):
    spoil, message = FAULTS[fault]
    spoil(patient.structures)
    with pytest.raises(InvalidInput, match=message) as refused:
        read_dicom(patient.write())
    assert "\n" not in str(refused.value)


def test_a_structure_set_cut_short_is_refused(patient):
    folder = patient.write()
    path = folder / "rtstruct.dcm"
    whole = path.read_bytes()
    for size in range(140, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(InvalidInput, match=r"rtstruct.dcm"):
            read_dicom(folder)
