from __future__ import annotations

import warnings
from copy import deepcopy

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mcsim.invalid_input import InvalidInput
from validation.case import read_dicom

NEEDLE = np.array([0.6, 0.0, 0.8])
PLACES = [
    [27 + along * 0.6, y, 9 + along * 0.8] for y in (-22.0, -16.0) for along in (-3.0, 3.0)
]  # mm, two needles


def source(patient) -> Dataset:
    return patient.plan.SourceSequence[0]


def test_the_two_control_points_of_a_seed_count_once(patient):
    case = read_dicom(patient.write())
    implant = case.implant
    # Positions are written with at least 10 digits.
    np.testing.assert_allclose(implant.positions, np.array(PLACES) / 10, atol=1e-9)
    # Orientation is 32-bit floating point in DICOM.
    np.testing.assert_allclose(implant.axes, np.tile(NEEDLE, (4, 1)), atol=1e-7)
    assert implant.needles.tolist() == [1, 1, 2, 2]
    assert implant.air_kerma_strengths.tolist() == [0.635] * 4
    assert (implant.model, implant.half_life_d) == ("6711", 59.4)
    assert (case.prescription.dose_gy, case.prescription.target) == (120.0, "GTV")
    assert "notes" not in case.provenance


def test_a_missing_orientation_comes_from_the_neighbours_on_the_needle(patient):
    for item in patient.channels():
        for point in item.BrachyControlPointSequence:
            del point.ControlPointOrientation
    case = read_dicom(patient.write())
    np.testing.assert_allclose(np.abs(case.implant.axes @ NEEDLE), 1.0, atol=1e-9)
    assert "orientation of 4 seed(s) taken" in case.provenance["notes"]


def test_the_middle_seed_of_a_curved_needle_points_from_neighbour_to_neighbour(patient):
    items = patient.plan.ApplicationSetupSequence[0].ChannelSequence
    places = [[24.0, -22.0, 6.0], [25.0, -22.0, 12.0], [24.0, -22.0, 18.0]]
    items.append(deepcopy(items[1]))
    for item, place in zip(items, places, strict=True):
        for point in item.BrachyControlPointSequence:
            point.ControlPoint3DPosition = place
            point.pop("ControlPointOrientation", None)
    implant = read_dicom(patient.write()).implant
    np.testing.assert_allclose(np.abs(implant.axes[1]), [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(np.abs(implant.axes[0]), np.array([1, 0, 6]) / np.sqrt(37), atol=1e-9)


def test_a_lone_seed_without_orientation_is_refused(patient):
    items = patient.plan.ApplicationSetupSequence[1].ChannelSequence
    del items[1]
    for point in items[0].BrachyControlPointSequence:
        del point.ControlPointOrientation
    with pytest.raises(InvalidInput, match=r"orientation of seed 3 in rtplan.dcm is missing"):
        read_dicom(patient.write())


def test_every_seed_has_the_strength_of_its_own_source(patient):
    stronger = deepcopy(source(patient))
    stronger.SourceNumber, stronger.ReferenceAirKermaRate = 2, 0.889
    patient.plan.SourceSequence.append(stronger)
    patient.channels()[2].ReferencedSourceNumber = 2
    assert read_dicom(patient.write()).implant.air_kerma_strengths.tolist() == [0.635, 0.635, 0.889, 0.635]


@pytest.mark.parametrize("text", ["I-125", "I125", "125I", "Iodine-125", "I_125", ""])
def test_spellings_of_the_radionuclide(patient, text):
    source(patient).SourceIsotopeName = text
    assert read_dicom(patient.write()).implant.half_life_d == 59.4


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("I125-6711-type", "6711"),
        ("IsoAid IAI-125A", "IAI-125A"),
        ("STM 1251", "STM1251"),
        ("Best 2301", "2301"),
        ("My <seed>", "My_seed"),
    ],
)
def test_the_model_number_is_found_in_the_description(patient, text, model):
    source(patient).SourceModelID = text
    assert read_dicom(patient.write()).implant.model == model


def test_several_positions_of_a_fixed_source_are_several_seeds(patient):
    first = patient.plan.ApplicationSetupSequence[0].ChannelSequence
    first[0].BrachyControlPointSequence += first[1].BrachyControlPointSequence
    first[0].NumberOfControlPoints = 4
    del first[1]
    implant = read_dicom(patient.write()).implant
    np.testing.assert_allclose(implant.positions, np.array(PLACES) / 10, atol=1e-9)
    first[0].SourceMovementType = "STEPWISE"
    with pytest.raises(
        InvalidInput, match=r"SourceMovementType in application setup 1 .* is STEPWISE with 2"
    ):
        read_dicom(patient.write())


def test_the_highest_of_several_prescriptions_is_used_and_noted(patient):
    boost = deepcopy(patient.plan.DoseReferenceSequence[0])
    boost.TargetPrescriptionDose = 140
    organ = Dataset()
    organ.DoseReferenceType, organ.TargetPrescriptionDose = "ORGAN_AT_RISK", 200
    patient.plan.DoseReferenceSequence += [boost, organ]
    case = read_dicom(patient.write())
    assert case.prescription.dose_gy == 140
    assert case.provenance["notes"] == "highest of 2 target prescriptions used"


def test_a_target_without_roi_number_is_found_by_its_description(patient):
    reference = patient.plan.DoseReferenceSequence[0]
    del reference.ReferencedROINumber
    reference.DoseReferenceDescription = "gtv"
    assert read_dicom(patient.write()).prescription.target == "GTV"
    reference.DoseReferenceDescription = "node"
    with pytest.raises(InvalidInput, match=r"target of rtplan.dcm is 'node', expected .*: BODY, GTV"):
        read_dicom(patient.write())


def test_a_strength_of_another_day_is_noted(patient):
    source(patient).SourceStrengthReferenceDate = "20240301"
    assert "source strength refers to 10 day(s) before" in read_dicom(patient.write()).provenance["notes"]


def set_source(**values):
    return lambda p: [setattr(source(p), k, v) for k, v in values.items()]


def set_plan(**values):
    return lambda p: [setattr(p.plan, k, v) for k, v in values.items()]


def set_position(value):
    def spoil(p):
        for point in p.channels()[1].BrachyControlPointSequence:
            point.ControlPoint3DPosition = value

    return spoil


def set_point(**values):
    return lambda p: [
        setattr(point, k, v)
        for point in p.channels()[1].BrachyControlPointSequence
        for k, v in values.items()
    ]


FAULTS = {
    "HDR": (set_plan(BrachyTreatmentType="HDR"), r"BrachyTreatmentType of rtplan.dcm is HDR"),
    "PDR": (set_plan(BrachyTreatmentType="PDR"), r"BrachyTreatmentType of rtplan.dcm is PDR"),
    "temporary": (
        set_plan(BrachyTreatmentTechnique="INTERSTITIAL"),
        r"BrachyTreatmentTechnique of rtplan.dcm is INTERSTITIAL, expected PERMANENT",
    ),
    "teletherapy": (
        lambda p: [
            delattr(p.plan, k)
            for k in ("BrachyTreatmentTechnique", "BrachyTreatmentType", "ApplicationSetupSequence")
        ],
        r"plan rtplan.dcm has no brachytherapy application",
    ),
    "zero strength": (set_source(ReferenceAirKermaRate=0), r"ReferenceAirKermaRate of source 1 .* is 0 U"),
    "no strength": (
        lambda p: delattr(source(p), "ReferenceAirKermaRate"),
        r"ReferenceAirKermaRate of source 1 of rtplan.dcm is missing",
    ),
    "water strength": (
        set_source(SourceStrengthUnits="DOSE_RATE_WATER"),
        r"is DOSE_RATE_WATER, expected AIR",
    ),
    "negative half-life": (set_source(SourceIsotopeHalfLife=-59.4), r"SourceIsotopeHalfLife .* is -59.4 d"),
    "half-life of another": (
        set_source(SourceIsotopeHalfLife=16.99),
        r"is 16.99 d, expected 59.4 d within 2 %",
    ),
    "iridium": (set_source(SourceIsotopeName="Ir-192"), r"isotope of source 1 of rtplan.dcm is Ir-192"),
    "unknown source": (
        lambda p: setattr(p.channels()[0], "ReferencedSourceNumber", 7),
        r"ReferencedSourceNumber in application setup 1 of rtplan.dcm is 7, expected one of 1",
    ),
    "outside": (
        set_position([207.0, -22.0, 9.0]),
        r"seed 2 is at \(20.70, -2.20, 0.90\) cm, 171.5 mm outside",
    ),
    "overlapping": (set_position([25.2, -22.0, 6.9]), r"seeds 1 and 2 overlap by 0.62 mm"),
    "two coordinates": (set_position([1.0, 2.0]), r"ControlPoint3DPosition in application setup 1"),
    "no orientation value": (
        set_point(ControlPointOrientation=[0.0, 0.0, 0.0]),
        r"ControlPointOrientation in application setup 1",
    ),
    "lost control point": (
        lambda p: p.channels()[0].BrachyControlPointSequence.pop(),
        r"has a channel with 1 control points, expected 2 as it says",
    ),
    "no channels": (
        lambda p: setattr(p.plan.ApplicationSetupSequence[1], "ChannelSequence", []),
        r"ChannelSequence of application setup 2 of rtplan.dcm is missing",
    ),
    "no prescription": (
        lambda p: delattr(p.plan, "DoseReferenceSequence"),
        r"prescription of rtplan.dcm is missing",
    ),
    "zero prescription": (
        lambda p: setattr(p.plan.DoseReferenceSequence[0], "TargetPrescriptionDose", 0),
        r"prescribed dose is 0 Gy, expected > 0",
    ),
    "other frame": (
        set_plan(FrameOfReferenceUID="1.2.3.999"),
        r"frame of reference of rtplan.dcm is 1.2.3.999",
    ),
    "wrong class": (
        set_plan(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.2"),
        r"SOPClassUID of rtplan.dcm is RT Dose Storage, expected that of modality RTPLAN",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_plan_is_refused_with_the_reason(patient, fault):
    spoil, message = FAULTS[fault]
    spoil(patient)
    with pytest.raises(InvalidInput, match=message) as refused:
        read_dicom(patient.write())
    assert "\n" not in str(refused.value)


def test_seeds_of_two_models_are_refused(patient):
    other = deepcopy(source(patient))
    other.SourceNumber, other.SourceModelID = 2, "2301"
    patient.plan.SourceSequence.append(other)
    patient.channels()[3].ReferencedSourceNumber = 2
    with pytest.raises(InvalidInput, match=r"seeds of rtplan.dcm are of models 2301, 6711"):
        read_dicom(patient.write())


def with_undefined_lengths(dataset: Dataset) -> None:
    """Write every sequence and item with delimiters instead of lengths, as some systems do."""
    for element in dataset:
        if element.VR == "SQ":
            element.value.is_undefined_length = element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                with_undefined_lengths(item)


def seeds_or_reason(patient) -> tuple[int, str]:
    from validation.case.dicom_file import scan
    from validation.case.dicom_plan import read_plan

    try:
        return len(read_plan(scan(patient.folder)[0][0], "1.2.3.100").implant), ""
    except InvalidInput as reason:
        return 0, str(reason)


@pytest.mark.parametrize("delimited", [False, True])
def test_a_plan_cut_anywhere_is_refused_or_keeps_every_seed(patient, delimited):
    if delimited:
        with_undefined_lengths(patient.plan)
    path = patient.save(patient.plan, "rtplan.dcm")
    whole = path.read_bytes()
    assert seeds_or_reason(patient) == (4, "")
    # Every 5th byte meets headers, values and delimiters of all levels; the last 40 bytes one by one.
    sizes = [*range(1, len(whole) - 40, 5), *range(len(whole) - 40, len(whole))]
    kept = []
    for size in sizes:
        path.write_bytes(whole[:size])
        seeds, reason = seeds_or_reason(patient)
        assert "rtplan.dcm" in reason or seeds == 4, f"cut at byte {size} of {len(whole)}"
        if seeds:
            kept.append(size)
    # Only a cut exactly between two elements behind the seeds may pass.
    assert len(kept) <= 2


def test_reading_a_cut_file_leaves_no_warning_filter_behind(patient):
    path = patient.save(patient.plan, "rtplan.dcm")
    path.write_bytes(path.read_bytes()[:-3])
    before = list(warnings.filters)
    with pytest.raises(InvalidInput):
        read_dicom(patient.folder)
    assert list(warnings.filters) == before
