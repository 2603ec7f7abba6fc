"""The seeds and the prescription of a case as a DICOM brachytherapy plan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from validation.case import Implant
from validation.case.dicom_file import PLAN, STRUCTURES
from validation.case.dicom_plan import LOOSE_NAME, NEEDLE_NAME
from validation.case.seed_choice import known_seed
from validation.export.dicom_export import DicomExport, decimal, reference
from validation.export.rtstruct import roi_numbers, structure_set_uid

_CM = 10.0  # mm
_SECONDS_PER_DAY = 86400.0
_HOURS_PER_DAY = 24.0
_LONGEST_MODEL = 16  # characters of an SH value
_ISOTOPES = {59.4: "I-125", 16.991: "Pd-103", 9.689: "Cs-131"}  # by half-life, d


def plan_uid(export: DicomExport) -> str:
    """SOPInstanceUID of the plan of an export."""
    return export.uid("RTPLAN", export.implant_date)


def plan(export: DicomExport) -> Dataset:
    """Make a plan of permanent seeds.

    One application setup per needle (one for all seeds of unknown needle), one channel per seed with two control points
    at its centre, as PS3.3 section C.8.8.15 has it for permanent implants; directions as control point orientations;
    one source per strength. Needles have a name but no applicator, whose length is not known. The channel's time is the
    mean life: strength times it is the air kerma to full decay.

    Parameters
    ----------
    export : DicomExport
        The case; strengths refer to its implant date.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> from validation.case import built_in
    >>> made = plan(DicomExport(built_in("neck")))
    >>> len(made.ApplicationSetupSequence), made.SourceSequence[0].ReferenceAirKermaRate
    (5, '0.635')
    """
    case, implant = export.case, export.case.implant
    data = export.dataset(PLAN, "RTPLAN", plan_uid(export), series_number=3, series="plan of the case")
    data.RTPlanLabel, data.RTPlanName = export.label, case.name
    data.RTPlanDate, data.RTPlanTime = export.implant_date, "000000"
    data.RTPlanGeometry, data.ApprovalStatus = "PATIENT", "UNAPPROVED"
    data.ReferencedStructureSetSequence = [reference(STRUCTURES, structure_set_uid(export))]
    data.DoseReferenceSequence = [_prescription(export)]
    strengths, source_of = np.unique(implant.air_kerma_strengths, return_inverse=True)
    data.BrachyTreatmentTechnique, data.BrachyTreatmentType = "PERMANENT", "MANUAL"
    machine = Dataset()
    machine.TreatmentMachineName = "MANUAL"
    data.TreatmentMachineSequence = [machine]
    data.SourceSequence = [
        _source(number, float(strength), export) for number, strength in enumerate(strengths, start=1)
    ]
    needles = list(dict.fromkeys(int(n) for n in implant.needles))
    data.ApplicationSetupSequence = [
        _setup(number, needle, implant, source_of) for number, needle in enumerate(needles, start=1)
    ]
    group = Dataset()
    group.FractionGroupNumber, group.NumberOfFractionsPlanned = "1", "1"
    group.NumberOfBeams, group.NumberOfBrachyApplicationSetups = "0", str(len(needles))
    group.ReferencedBrachyApplicationSetupSequence = [_setup_number(n) for n in range(1, len(needles) + 1)]
    data.FractionGroupSequence = [group]
    return data


def _setup_number(number: int) -> Dataset:
    item = Dataset()
    item.ReferencedBrachyApplicationSetupNumber = str(number)
    return item


def _prescription(export: DicomExport) -> Dataset:
    wanted = export.case.prescription
    item = Dataset()
    item.DoseReferenceNumber, item.DoseReferenceUID = "1", export.uid("dose reference", wanted.target)
    item.DoseReferenceStructureType, item.DoseReferenceDescription = "VOLUME", wanted.target
    item.DoseReferenceType, item.TargetPrescriptionDose = "TARGET", decimal(wanted.dose_gy)
    item.ReferencedROINumber = str(roi_numbers(export)[wanted.target])
    return item


def _source(number: int, strength: float, export: DicomExport) -> Dataset:
    implant = export.case.implant
    body = known_seed(implant.seed_choice)
    nearest = min(_ISOTOPES, key=lambda days: abs(days / implant.half_life_d - 1.0))
    item = Dataset()
    item.SourceNumber, item.SourceType = str(number), "LINE"
    item.SourceModelID, item.SourceDescription = implant.model[:_LONGEST_MODEL].strip(), implant.model
    item.SourceIsotopeName = body.spectrum.radionuclide if body is not None else _ISOTOPES[nearest]
    item.SourceIsotopeHalfLife = decimal(implant.half_life_d)
    item.SourceStrengthUnits = "AIR_KERMA_RATE"
    item.ReferenceAirKermaRate = item.SourceStrength = decimal(strength)  # µGy/h at 1 m is U
    item.SourceStrengthReferenceDate, item.SourceStrengthReferenceTime = export.implant_date, "000000"
    return item


def _setup(number: int, needle: int, implant: Implant, source_of: NDArray[np.intp]) -> Dataset:
    seeds = np.flatnonzero(implant.needles == needle)
    hours = implant.half_life_d * _HOURS_PER_DAY / np.log(2.0)
    setup = Dataset()
    setup.ApplicationSetupType, setup.ApplicationSetupNumber = "INTERSTITIAL", str(number)
    setup.ApplicationSetupName = f"{NEEDLE_NAME} {needle}" if needle >= 0 else LOOSE_NAME
    setup.TotalReferenceAirKerma = decimal(float(implant.air_kerma_strengths[seeds].sum()) * hours)
    setup.ChannelSequence = [
        _channel(k, int(seed), implant, int(source_of[seed]) + 1) for k, seed in enumerate(seeds, start=1)
    ]
    return setup


def _channel(number: int, seed: int, implant: Implant, source: int) -> Dataset:
    mean_life = implant.half_life_d * _SECONDS_PER_DAY / np.log(2.0)
    channel = Dataset()
    channel.ChannelNumber, channel.ChannelLength = str(number), None
    channel.ChannelTotalTime, channel.SourceMovementType = decimal(mean_life), "FIXED"
    channel.TransferTubeNumber = None
    channel.ReferencedSourceNumber = str(source)
    channel.NumberOfControlPoints, channel.FinalCumulativeTimeWeight = "2", "1"
    channel.BrachyControlPointSequence = []
    for index in range(2):
        point = Dataset()
        point.ControlPointIndex, point.CumulativeTimeWeight = str(index), str(index)
        point.ControlPointRelativePosition = "0"
        point.ControlPoint3DPosition = [decimal(v * _CM) for v in implant.positions[seed]]
        point.ControlPointOrientation = [float(v) for v in implant.axes[seed]]
        channel.BrachyControlPointSequence.append(point)
    return channel
