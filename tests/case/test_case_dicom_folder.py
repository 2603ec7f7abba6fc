from __future__ import annotations

from copy import deepcopy

import pytest

from mcsim.invalid_input import InvalidInput
from validation.case import Case, read_dicom
from validation.case.dicom_choice import Candidate, choose


def with_second_series(patient):
    for k, data in enumerate(deepcopy(patient.slices)):
        data.SeriesInstanceUID, data.SOPInstanceUID = "1.2.3.7", f"1.2.3.7.{k + 1}"
        data.SeriesDescription = "post-implant CT"
        data.RescaleIntercept = float(data.RescaleIntercept) + 100
        patient.save(data, f"ct_post/CT_{k:03d}.dcm")
    return patient.write()


def test_two_series_are_listed_and_chosen_by_uid_description_or_folder(patient):
    folder = with_second_series(patient)
    with pytest.raises(InvalidInput) as refused:
        read_dicom(folder)
    message = str(refused.value)
    assert "CT series are 2, expected one" in message
    for text in (
        "planning CT",
        "post-implant CT",
        "folder ct_post",
        "7 slices",
        "UID 1.2.3.7",
        "--ct-series ct (ct_series=… in Python).",
    ):
        assert text in message
    first = read_dicom(folder, ct_series="ct").image.hu
    for name in ("1.2.3.7", "Post-implant CT", "ct_post"):
        assert (read_dicom(folder, ct_series=name).image.hu == first + 100).all()
    with pytest.raises(InvalidInput, match=r"--ct-series is 'MR' and matches 0 of 2 CT series"):
        read_dicom(folder, ct_series="MR")


def test_two_plans_are_listed_and_chosen_by_label_file_or_uid(patient):
    post = deepcopy(patient.plan)
    post.SOPInstanceUID, post.RTPlanLabel = "1.2.3.3.2", "POST"
    del post.ApplicationSetupSequence[1]
    patient.save(post, "plans/after.dcm")
    folder = patient.write()
    with pytest.raises(
        InvalidInput,
        match=r"plans are 2, expected one: POST \(file plans/after.dcm.*; PRE \(.* --plan PRE \(plan=",
    ):
        read_dicom(folder)
    for name in ("post", "after.dcm", "after", "plans/after.dcm", "1.2.3.3.2"):
        assert len(read_dicom(folder, plan=name).implant) == 2
    assert len(read_dicom(folder, plan="PRE").implant) == 4


def test_two_series_and_two_plans_are_told_at_once(patient):
    post = deepcopy(patient.plan)
    post.SOPInstanceUID, post.RTPlanLabel = "1.2.3.3.2", "POST"
    patient.save(post, "after.dcm")
    folder = with_second_series(patient)
    with pytest.raises(InvalidInput, match=r"CT series are 2.*--ct-series ct .* plans are 2.*--plan PRE "):
        read_dicom(folder)
    with pytest.raises(InvalidInput, match=r"^CT series are 2(?!.*plans are)"):
        read_dicom(folder, plan="PRE")


def test_a_name_with_blanks_is_shown_as_a_shell_takes_it():
    # the longer name is not listed: it is the raw one of a header, which may hold the patient's name
    two = [
        Candidate(("CT neck", "Doe"), "CT neck"),
        Candidate(("CT neck, after", "1.2.30.400"), "CT, UID 1.2.30.400"),
    ]
    with pytest.raises(InvalidInput, match=r"for example --post-series 'CT neck'\.$"):
        choose(two, None, "CT series", "--post-series")


def test_a_teletherapy_plan_beside_the_seed_plan_is_passed_over(patient):
    other = deepcopy(patient.plan)
    for keyword in ("BrachyTreatmentTechnique", "BrachyTreatmentType", "ApplicationSetupSequence"):
        delattr(other, keyword)
    other.SOPInstanceUID = "1.2.3.3.9"
    patient.save(other, "teletherapy.dcm")
    assert read_dicom(patient.write()).provenance["plan_uid"] == "1.2.3.3.1"


def test_the_structure_set_is_the_one_the_plan_refers_to(patient):
    other = deepcopy(patient.structures)
    other.SOPInstanceUID, other.StructureSetLabel = "1.2.3.2.9", "OTHER"
    other.StructureSetROISequence[1].ROIName = "GTV_other"
    patient.save(other, "other.dcm")
    folder = patient.write()
    assert read_dicom(folder).prescription.target == "GTV"
    assert read_dicom(folder, structures="OTHER").prescription.target == "GTV_other"
    del patient.plan.ReferencedStructureSetSequence
    with pytest.raises(InvalidInput, match=r"structure sets are 2, expected one: OTHER .*; NODES "):
        read_dicom(patient.write())


def test_identity_stays_out_of_the_case_file(patient, tmp_path):
    patient.plan.RTPlanLabel = "Doe neck"
    for data in patient.slices:
        data.SeriesDescription = "CT of JANE id-4711"
    case = read_dicom(patient.write())
    assert case.name == "neck"
    assert case.provenance["ct_description"] == "CT of"
    path = tmp_path / "case.h5"
    case.write(path)
    content = path.read_bytes().lower()
    for secret in (b"doe", b"jane", b"4711"):
        assert secret not in content
    # The user still chooses by the label the planning system shows.
    assert read_dicom(patient.folder, plan="Doe neck").digest() == Case.read(path).digest()


def test_other_files_are_counted_and_do_not_disturb(patient):
    folder = patient.write()
    (folder / "README.txt").write_text("notes")
    (folder / ".hidden.dcm").write_text("not DICOM")
    (folder / ".venv" / "lib").mkdir(parents=True)
    (folder / ".venv" / "lib" / "empty.dcm").write_text("")
    (folder / "no_suffix").write_bytes(b"\0" * 200)
    dose = deepcopy(patient.structures)
    dose.SOPClassUID, dose.Modality = "1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE"
    patient.save(dose, "dose.dcm")
    picture = deepcopy(patient.slices[0])
    picture.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    patient.save(picture, "screenshot.dcm")
    assert read_dicom(folder).provenance["other_files"] == "4"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"file more.dcm is empty \(0 bytes\)"),
        (b"This is a letter, not an image.", r"file more.dcm is not a DICOM file"),
        (b"\0" * 128 + b"DICM" + b"\xff" * 50, r"more.dcm"),
        (b"\0" * 128 + b"DICM", r"SOPClassUID of more.dcm is missing"),
    ],
)
def test_a_file_that_claims_to_be_dicom_must_be(patient, content, message):
    folder = patient.write()
    (folder / "more.dcm").write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        read_dicom(folder)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("rtplan.dcm", r"the folder has 0 plans"),
        ("rtstruct.dcm", r"the folder has 0 structure sets"),
        ("ct", r"the folder has 0 CT slices \(2 other DICOM and 0 other files\)"),
    ],
)
def test_a_folder_without_all_three_is_refused(patient, missing, message):
    folder = patient.write()
    (folder / missing).rename(folder.parent / "elsewhere")
    with pytest.raises(InvalidInput, match=message):
        read_dicom(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"expected an existing folder"):
        read_dicom(tmp_path / "nothing")
