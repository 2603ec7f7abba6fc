"""TG-43 dose formalism for brachytherapy seeds in water."""

from tg43.decay import I125_HALF_LIFE, decay_factor, dose_per_dose_rate
from tg43.dose_rate import dose_rate
from tg43.ensemble import EnsembleMoments, ensemble_dose_rate, ensemble_moments, map_ensemble
from tg43.formalism import anisotropy_factor, anisotropy_function, geometry_function, radial_dose_function
from tg43.invalid_input import InvalidInput
from tg43.source_data import SourceData, known_sources, load_source, read_source
from tg43.voxel_average import VoxelDoseRate, voxel_mean_dose_rate

__all__ = [
    "I125_HALF_LIFE",
    "EnsembleMoments",
    "InvalidInput",
    "SourceData",
    "VoxelDoseRate",
    "anisotropy_factor",
    "anisotropy_function",
    "decay_factor",
    "dose_per_dose_rate",
    "dose_rate",
    "ensemble_dose_rate",
    "ensemble_moments",
    "geometry_function",
    "known_sources",
    "load_source",
    "map_ensemble",
    "radial_dose_function",
    "read_source",
    "voxel_mean_dose_rate",
]
