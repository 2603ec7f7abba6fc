"""Biologically effective dose of a permanent implant: decay, repair, repopulation, edema.

A model, not a measurement: its parameters are known to tens of per cent at best and differ between patients.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]

_HOURS_PER_DAY = 24.0
# Half-lives over which a decaying dose rate is followed (a part of 2⁻³⁰ of the dose comes later), and nodes in each.
_HALF_LIVES = 30
_NODES_PER_LIFE = 40


def edema_dose_factor(magnitude: float, edema_half_life: float, half_life: float) -> float:
    r"""Dose to infinity of a swollen implant over that of one that never swells, for a 1/r² dose.

    .. math::
        \frac{D}{D_0} = \lambda \int_0^\infty e^{-\lambda t}
        \left(1 + M e^{-\lambda_e t}\right)^{-2/3} dt

    All distances grow with the cube root of the volume 1 + M e^(−λ_e t). Attenuation, which weakens the dose further,
    and a dose that does not go as 1/r² are left out.

    Parameters
    ----------
    magnitude : float
        Relative volume increase at implantation, M ≥ 0.
    edema_half_life, half_life : float
        Of the swelling and of the radionuclide [d].

    Returns
    -------
    float
        D / D₀ ≤ 1.

    References
    ----------
    Chen, Yue, Wang, Roberts, Peschel and Nath, Int. J. Radiat. Oncol. Biol. Phys. 47, 1405 (2000).

    Examples
    --------
    >>> round(100 * (edema_dose_factor(0.5, 10.0, 59.4) - 1), 2)
    -3.97
    """
    times, rate = decaying_dose_rate(half_life, edema_magnitude=magnitude, edema_half_life=edema_half_life)
    return float(_given(times, rate[:, None])[-1, 0])


def decaying_dose_rate(
    half_life: float,
    *,
    edema_magnitude: float = 0.0,
    edema_half_life: float | None = None,
    repair_half_time: float | None = None,
) -> tuple[FloatArray, FloatArray]:
    r"""Dose rate of an implant per unit of its dose to infinity without edema.

    .. math:: \dot d(t) = \lambda e^{-\lambda t} \left(1 + M e^{-\lambda_e t}\right)^{-2/3}

    Parameters
    ----------
    half_life : float
        Of the radionuclide [d].
    edema_magnitude, edema_half_life : float, optional
        M and the half-life of the swelling [d].
    repair_half_time : float, optional
        Of sublethal damage [h]; the times then resolve it.

    Returns
    -------
    times : (n,) array
        From 0 to 30 half-lives [d], dense wherever one of the processes is young.
    rate : (n,) array
        [1/d].

    Raises
    ------
    InvalidInput
        A parameter is out of range or one of a pair is missing.

    Examples
    --------
    >>> times, rate = decaying_dose_rate(59.4)
    >>> bool(np.isclose(rate[0], np.log(2) / 59.4))
    True
    """
    require_positive(("half-life", half_life, "d"))
    if not edema_magnitude >= 0 or (edema_magnitude > 0 and edema_half_life is None):
        raise InvalidInput(
            f"edema magnitude is {edema_magnitude:g} with a half-life of {edema_half_life} d, expected ≥ 0 and a "
            f"half-life with any above 0 (the swelling resolves). Give both."
        )
    lives = [half_life]
    if edema_magnitude > 0 and edema_half_life is not None:
        require_positive(("edema half-life", edema_half_life, "d"))
        lives.append(edema_half_life)
    if repair_half_time is not None:
        require_positive(("repair half-time", repair_half_time, "h"))
        lives.append(repair_half_time / _HOURS_PER_DAY)
    ends = [min(_HALF_LIVES * life, _HALF_LIVES * half_life) for life in lives]
    times = np.unique(
        np.concatenate([np.linspace(0.0, end, _HALF_LIVES * _NODES_PER_LIFE + 1) for end in ends])
    )
    decay = np.log(2) / half_life
    rate = decay * np.exp(-decay * times)
    if edema_magnitude > 0 and edema_half_life is not None:
        rate = rate * (1 + edema_magnitude * np.exp2(-times / edema_half_life)) ** (-2 / 3)
    return times, rate


def biologically_effective_dose(
    dose: ArrayLike,
    half_life: float,
    alpha_beta: float,
    repair_half_time: float,
    *,
    alpha: float | None = None,
    doubling_time: float | None = None,
    kick_off_time: float = 0.0,
    edema_magnitude: float = 0.0,
    edema_half_life: float | None = None,
) -> FloatArray:
    r"""Biologically effective dose of a permanent implant.

    Without edema and repopulation this is the closed form of Dale (1985),

    .. math::
        \mathrm{BED} = D\left(1 + \frac{\dot D_0}{(\mu + \lambda)\,\alpha/\beta}\right), \qquad
        \dot D_0 = \lambda D;

    with them, `course_effective_dose` of the dose rate of `decaying_dose_rate`.

    Parameters
    ----------
    dose : array_like
        Dose to infinity without edema [Gy], ≥ 0, any shape.
    half_life : float
        Of the radionuclide [d].
    alpha_beta : float
        α/β [Gy].
    repair_half_time : float
        Of sublethal damage, ln 2/µ [h].
    alpha : float, optional
        α [1/Gy]; needed with `doubling_time`.
    doubling_time : float, optional
        Of the clonogens, T_d [d]; none proliferate when left out.
    kick_off_time : float, optional
        When proliferation begins, T_k [d].
    edema_magnitude, edema_half_life : float, optional
        M and the half-life of the swelling [d].

    Returns
    -------
    array
        BED [Gy], shape of `dose`.

    Raises
    ------
    InvalidInput
        A parameter is out of range or one of a pair is missing.

    References
    ----------
    Dale, Br. J. Radiol. 58, 515 (1985), doi:10.1259/0007-1285-58-690-515.

    Examples
    --------
    >>> round(float(biologically_effective_dose(145.0, 59.4, 3.0, 1.5)), 1)  # ¹²⁵I, late-reacting tissue
    152.4
    """
    require_positive(("repair half-time", repair_half_time, "h"), ("alpha/beta", alpha_beta, "Gy"))
    doses = np.asarray(dose, dtype=float)
    if not (doses >= 0).all():
        bad = np.flatnonzero(~(doses.ravel() >= 0))
        raise InvalidInput(
            f"dose is {doses.ravel()[bad[0]]:g} Gy at index {bad[0]} and negative or undefined in {bad.size} voxels, "
            f"expected ≥ 0. Give the voxels of one structure."
        )
    times, rate = decaying_dose_rate(
        half_life,
        edema_magnitude=edema_magnitude,
        edema_half_life=edema_half_life,
        repair_half_time=repair_half_time,
    )
    # BED(T) = D c(T) + D² q(T) − r(T): one course for all doses.
    given = _given(times, rate[:, None])[:, 0]
    quadratic = 2 / alpha_beta * _protraction(times, rate[:, None], repair_half_time)[:, 0]
    lost = _repopulation(times, alpha, doubling_time, kick_off_time)
    if lost is None:
        return np.asarray(doses * given[-1] + doses**2 * quadratic[-1])
    unique, back = np.unique(doses.ravel(), return_inverse=True)
    best = np.array([np.max(d * given + d * d * quadratic - lost) for d in unique])
    return np.asarray(best[back].reshape(doses.shape))


def course_effective_dose(
    times: ArrayLike,
    dose_rate: ArrayLike,
    alpha_beta: float,
    repair_half_time: float,
    *,
    alpha: float | None = None,
    doubling_time: float | None = None,
    kick_off_time: float = 0.0,
) -> FloatArray:
    r"""Biologically effective dose of any course of dose rate.

    .. math::
        \mathrm{BED} = \max_T\left[D(T) + \frac{2}{\alpha/\beta}\int_0^T \dot D(t)
        \int_0^t \dot D(t') e^{-\mu (t - t')}\,dt'\,dt - \frac{\ln 2}{\alpha T_d}\max(T - T_k, 0)\right]

    the integral being that of Lea and Catcheside. With repopulation the maximum is at the effective treatment time,
    when the implant sterilises cells no faster than they double (Dale 1989; TG-137); a dose rate that never does
    gives 0. The maximum is sought at the times given.

    Parameters
    ----------
    times : (n,) array_like
        Ascending from 0 [d], until nothing more is to come.
    dose_rate : (n, ...) array_like
        [Gy/d], ≥ 0; between times it goes as an exponential.
    alpha_beta, repair_half_time, alpha, doubling_time, kick_off_time
        As for `biologically_effective_dose`.

    Returns
    -------
    array
        BED [Gy], shape of `dose_rate` without its first axis.

    Raises
    ------
    InvalidInput
        A parameter is out of range, times do not ascend or a dose rate is negative.

    References
    ----------
    Dale, Br. J. Radiol. 62, 241 (1989), doi:10.1259/0007-1285-62-735-241. Nath et al. (TG-137), Med. Phys. 36, 5310
    (2009), doi:10.1118/1.3246613.

    Examples
    --------
    >>> times, rate = decaying_dose_rate(59.4, repair_half_time=1.5)
    >>> round(float(course_effective_dose(times, 145.0 * rate, 3.0, 1.5)), 1)
    152.4
    """
    require_positive(("repair half-time", repair_half_time, "h"), ("alpha/beta", alpha_beta, "Gy"))
    t, rates = np.asarray(times, dtype=float), np.asarray(dose_rate, dtype=float)
    if t.ndim != 1 or t.size < 2 or rates.shape[:1] != t.shape or not (np.diff(t) > 0).all():
        raise InvalidInput(
            f"times have shape {t.shape} for dose rates of shape {rates.shape}, expected at least 2 ascending times in "
            f"days, one per row of dose rates. Sort them."
        )
    if not (rates >= 0).all():
        raise InvalidInput(
            f"dose rate is negative or undefined in {int((~(rates >= 0)).sum())} places, expected ≥ 0 Gy/d. Check it."
        )
    flat = rates.reshape(t.size, -1)
    total = _given(t, flat) + 2 / alpha_beta * _protraction(t, flat, repair_half_time)
    lost = _repopulation(t, alpha, doubling_time, kick_off_time)
    effective = total[-1] if lost is None else (total - lost[:, None]).max(axis=0)
    return np.asarray(effective.reshape(rates.shape[1:]))


def _repopulation(
    times: FloatArray, alpha: float | None, doubling_time: float | None, kick_off_time: float
) -> FloatArray | None:
    """BED that repopulation has cost at each time; None without it."""
    if doubling_time is None:
        return None
    require_positive(
        ("doubling time", doubling_time, "d"), ("alpha", 0.0 if alpha is None else alpha, "1/Gy")
    )
    return np.asarray(np.log(2) / ((alpha or 1.0) * doubling_time) * np.maximum(times - kick_off_time, 0.0))


def _slopes(times: FloatArray, rate: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Intervals h (n − 1, 1), and rates a and constants s of a e^(−s t) in each, (n − 1, m)."""
    # A rate of 0 has no logarithm: the least that has stands for it.
    safe = np.maximum(rate, 1e-30)
    h = np.diff(times)[:, None]
    return h, safe[:-1], np.log(safe[:-1] / safe[1:]) / h


def _decayed(constant: FloatArray, time: FloatArray) -> FloatArray:
    """∫₀ᵗ e^(−kt') dt', also where k is 0 or negative."""
    exponent = constant * time
    small = np.abs(exponent) < 1e-9
    return np.asarray(time * np.where(small, 1.0, -np.expm1(-exponent) / np.where(small, 1.0, exponent)))


def _given(times: FloatArray, rate: FloatArray) -> FloatArray:
    """Dose so far at each time, (n, m)."""
    h, a, s = _slopes(times, rate)
    return np.concatenate([np.zeros((1, rate.shape[1])), np.cumsum(a * _decayed(s, h), axis=0)])


def _protraction(times: FloatArray, rate: FloatArray, repair_half_time: float) -> FloatArray:
    """∫₀ᵀ Ḋ(t) ∫₀ᵗ Ḋ(t') e^(−µ(t − t')) dt' dt at each time, (n, m)."""
    repair = np.log(2) * _HOURS_PER_DAY / repair_half_time
    h, a, s = _slopes(times, rate)
    # Unrepaired damage u(t) = u₀ e^(−µt) + a (e^(−st) − e^(−µt)) / (µ − s); where µ = s, a t e^(−st).
    gap = repair - s
    equal = np.abs(gap) * h < 1e-6
    gap = np.where(equal, 1.0, gap)
    grown = a * np.where(equal, h * np.exp(-s * h), (np.exp(-s * h) - np.exp(-repair * h)) / gap)
    both = _decayed(s + repair, h)
    own = a * a * np.where(equal, h * h / 2, (_decayed(2 * s, h) - both) / gap)
    total, unrepaired = np.zeros(rate.shape), np.zeros(rate.shape[1])
    for i in range(h.size):
        total[i + 1] = total[i] + a[i] * unrepaired * both[i] + own[i]
        unrepaired = unrepaired * np.exp(-repair * h[i]) + grown[i]
    return total


def require_positive(*given: tuple[str, float, str]) -> None:
    """Refuse the first of (name, value, unit) that is not a finite value above 0."""
    for name, value, unit in given:
        if not (np.isfinite(value) and value > 0):
            raise InvalidInput(
                f"{name} is {value:g} {unit}, expected a finite value above 0 {unit}. Correct it."
            )
