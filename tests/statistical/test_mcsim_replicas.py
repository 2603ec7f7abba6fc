"""Stated type A uncertainties against the spread of replicas that share nothing, not even a stored history.

The study is that of the validation record (`validation.record.replicas`): an implant of 48 solid seeds, hundreds of
voxels of four kinds. At full length the ratio of stated to found variance must be 1 ± 0.05 for each kind, its own
standard uncertainty being about 0.01 or less; the quick version allows 0.05 and 8.9 u more. It holds for the default,
for plain transport and for every technique of variance reduction alone.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from validation.record.replicas import (
    DEFAULT,
    FULL,
    LEAST_VOXELS,
    PLAIN,
    QUICK,
    TECHNIQUES,
    Length,
    run_replicas,
)


@pytest.mark.parametrize(
    ("technique", "length"),
    [
        *((technique, QUICK) for technique in (DEFAULT, PLAIN)),
        *(pytest.param(t, QUICK, marks=pytest.mark.slow) for t in TECHNIQUES if t not in (DEFAULT, PLAIN)),
        *(pytest.param(technique, FULL, marks=pytest.mark.slow) for technique in TECHNIQUES),
    ],
    ids=lambda value: value if isinstance(value, str) else ("quick" if value is QUICK else "full"),
)
def test_stated_variance_is_that_between_replicas(
    technique: str, length: Length, record_property: Callable[[str, object], None]
) -> None:
    for kind, found in run_replicas(length, threads=2, technique=technique).items():
        ratio, u = found.ratio()
        voxels = found.doses.shape[1]
        record_property(kind, f"{voxels} voxels: {ratio:.4f} ± {u:.4f}")
        print(f"{kind}: {voxels} voxels, stated / found variance {ratio:.4f} ± {u:.4f}")
        assert voxels >= LEAST_VOXELS
        assert u < length.largest_u, kind
        assert abs(ratio - 1.0) < 0.05 + length.coverage * u, kind
