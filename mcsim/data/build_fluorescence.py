"""Vacancies and fluorescence lines of the K and L shells, for ``build_cross_sections``, from xraylib.

Vacancies per photoelectric absorption. Those that the photon makes are the shares of the subshells in Kissel's cross
sections (``CS_Photo_Partial``); those that the cascade adds follow the atom down,

    n_K  = s_K,
    n_L1 = s_L1 + n_K r_L1,
    n_L2 = s_L2 + n_K r_L2 + n_L1 (f_12 + ω_1 R_12),
    n_L3 = s_L3 + n_K r_L3 + n_L1 (f_13 + ω_1 R_13) + n_L2 (f_23 + ω_2 R_23),

with r the vacancies that the decay of one K vacancy leaves: ω_K R(K-Li) by a photon and (1 − ω_K) times the number of
Li electrons lost per Auger decay; f the Coster-Kronig yields, ω the fluorescence yields, R the share of a line in
its shell. A line appears n_shell ω R times per absorption (Krause 1979, doi:10.1063/1.555594, has the relations).

Fluorescence yields, Coster-Kronig yields and line rates are those of Elam et al. 2002
(doi:10.1016/S0969-806X(01)00227-4) and EADL as distributed with xraylib; Auger rates EADL. M lines, below 4 keV
and with yields of at most 4 %, are neglected; so are satellites of doubly ionised atoms.
"""

from __future__ import annotations

import numpy as np
import xraylib

SHELLS = ("K", "L1", "L2", "L3")
OUTER = tuple(
    f"{shell}{sub}"
    for shell, subs in (
        ("L", "123"),
        ("M", "12345"),
        ("N", "1234567"),
        ("O", "12345"),
        ("P", "12345"),
    )
    for sub in subs
)
PAIRS = ("N67", "O45", "P23", "P45")  # unresolved in some elements
LOWEST_LINE = 1.0  # keV
WEAKEST_LINE = 0.005  # of its shell; K lines are all kept
# Kissel's partial cross sections are splines that miss the first per cent above their own edge by up to 30 %.
SOUND_ABOVE_EDGE = (1.03, 1.06)
FIRST_ELEMENT_WITH_KISSEL = 18  # argon; below, xraylib's Kissel totals collapse towards 40 keV

# The L yields of rhenium are 30 % below those of both its neighbours in xraylib, and so is what they leave out of µ_en
# (Hubbell and Seltzer, doi:10.18434/T4D01F); the mean of tungsten and osmium agrees.
RHENIUM = 75


def value(function: object, *arguments: object) -> float:
    """What xraylib has, or 0 where it has nothing."""
    try:
        return float(function(*arguments))  # type: ignore[operator]
    except ValueError:
        return 0.0


def constant(name: str) -> int:
    """A shell, line or transition of xraylib by its name."""
    return int(getattr(xraylib, name))


def shell_constants(Z: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges, keV, and fluorescence yields of K, L1, L2, L3; a yield is 0 where the shell has no line."""
    edges = np.array([value(xraylib.EdgeEnergy, Z, constant(f"{s}_SHELL")) for s in SHELLS])
    yields = np.array([value(xraylib.FluorYield, Z, constant(f"{s}_SHELL")) for s in SHELLS])
    if Z == RHENIUM:
        yields[1:] = 0.5 * (shell_constants(Z - 1)[1] + shell_constants(Z + 1)[1])[1:]
    return edges, yields


def rates(Z: int, shell: str) -> dict[str, tuple[float, float]]:
    """Energy, keV, and share of each radiative transition into a shell, by the shell the electron comes from."""
    found = {}
    for outer in (*OUTER, *PAIRS):
        name = f"{shell}{outer}_LINE"
        if not hasattr(xraylib, name):
            continue
        energy, rate = (value(f, Z, constant(name)) for f in (xraylib.LineEnergy, xraylib.RadRate))
        if energy > 0.0 and rate > 0.0:
            found[outer] = (energy, rate)
    whole = sum(rate for _, rate in found.values())
    return {outer: (energy, rate / whole) for outer, (energy, rate) in found.items()}


def lines(Z: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shell (0 K … 3 L3), energy (keV) and photons per vacancy of every line above 1 keV."""
    rows = []
    _, yields = shell_constants(Z)
    for k, shell in enumerate(SHELLS):
        found = rates(Z, shell)
        kept = {o: v for o, v in found.items() if shell == "K" or v[1] >= WEAKEST_LINE}
        whole = sum(rate for _, rate in kept.values())
        rows += [
            (k, energy, yields[k] * rate / whole)
            for energy, rate in kept.values()
            if energy >= LOWEST_LINE and yields[k] > 0.0
        ]
    table = np.array(rows).reshape(-1, 3)
    return table[:, 0].astype(np.int32), table[:, 1], table[:, 2]


def vacancies(Z: int, energy: np.ndarray) -> np.ndarray:
    """Vacancies per absorption in K, L1, L2, L3, shape (4, n)."""
    _, yields = shell_constants(Z)
    n = direct_shares(Z, energy)
    radiative = {shell: rates(Z, shell) for shell in SHELLS}
    auger = _auger_losses(Z)

    def moved(shell: str, to: str) -> float:
        return float(yields[SHELLS.index(shell)]) * radiative[shell].get(to, (0.0, 0.0))[1]

    def coster_kronig(name: str) -> float:
        return value(xraylib.CosKronTransProb, Z, constant(f"F{name}_TRANS"))

    for k in (1, 2, 3):
        n[k] += n[0] * (moved("K", SHELLS[k]) + (1.0 - yields[0]) * auger[k - 1])
    n[2] += n[1] * (coster_kronig("L12") + moved("L1", "L2"))
    n[3] += n[1] * (coster_kronig("L13") + moved("L1", "L3")) + n[2] * (
        coster_kronig("L23") + moved("L2", "L3")
    )
    return n


def _auger_losses(Z: int) -> np.ndarray:
    """Electrons that L1, L2 and L3 lose per K Auger decay."""
    lost, whole = np.zeros(3), 0.0
    outer = [
        f"{s}{i}"
        for s, subs in (("L", 3), ("M", 5), ("N", 7), ("O", 7), ("P", 5))
        for i in range(1, subs + 1)
    ]
    for first in outer:
        for second in outer:
            name = f"K_{first}{second}_AUGER"
            rate = value(xraylib.AugerRate, Z, constant(name)) if hasattr(xraylib, name) else 0.0
            whole += rate
            for k in range(3):
                lost[k] += rate * ((first, second).count(SHELLS[k + 1]))
    return lost / whole if whole > 0.0 else lost


def direct_shares(Z: int, energy: np.ndarray) -> np.ndarray:
    """Share of each of the shells K, L1, L2, L3 in photoelectric absorption, shape (4, n).

    Lighter than argon only the K shell matters above 1 keV; its share there is ``1 − 1/jump`` at all energies.
    """
    edges, _ = shell_constants(Z)
    if Z < FIRST_ELEMENT_WITH_KISSEL:
        share = np.zeros((4, len(energy)))
        if edges[0] > 0.0:
            share[0, energy > edges[0]] = 1.0 - 1.0 / xraylib.JumpFactor(Z, xraylib.K_SHELL)
        return share
    partial = np.array(
        [[_partial(Z, s, edge, e) for e in energy] for s, edge in zip(SHELLS, edges, strict=True)]
    )
    outer = np.array([xraylib.CS_Photo_Total(Z, e) - _kissel(Z, e).sum() for e in energy])
    return np.asarray(partial / (partial.sum(axis=0) + outer))


def _kissel(Z: int, energy: float) -> np.ndarray:
    """Kissel's cross sections of K, L1, L2, L3 as they are, cm²/g."""
    return np.array([value(xraylib.CS_Photo_Partial, Z, constant(f"{s}_SHELL"), energy) for s in SHELLS])


def _partial(Z: int, shell: str, edge: float, energy: float) -> float:
    """Kissel's cross section of one shell, extrapolated down to its edge by a power law, cm²/g."""
    if energy <= edge:
        return 0.0
    number = constant(f"{shell}_SHELL")
    low, high = (factor * edge for factor in SOUND_ABOVE_EDGE)
    if energy >= low:
        return value(xraylib.CS_Photo_Partial, Z, number, energy)
    at_low, at_high = (value(xraylib.CS_Photo_Partial, Z, number, e) for e in (low, high))
    return float(at_low * (energy / low) ** (np.log(at_high / at_low) / np.log(high / low)))
