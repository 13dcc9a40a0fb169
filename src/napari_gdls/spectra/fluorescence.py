"""Secondary fluorescence: lines that are excited by X-rays made in the same material, characteristic or continuous."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.spectra.atomic import Lines, k_absorption_share, mass_absorption, subshells, vacancies_by_photons
from napari_gdls.spectra.continuum import generated_continuum

# Lines that are strong and of enough energy to excite others, each standing for those close to it.
_EXCITERS = {"K-L3": ("K-L3", "K-L2"), "K-M3": ("K-M3", "K-M2"), "L3-M5": ("L3-M5", "L3-M4"), "L2-M4": ("L2-M4",)}
_SOFTEST = 1000.0  # eV; below it yields are too small for an enhancement that could be seen. A choice
_FARTHEST = 4.0  # times the edge: the absorption that ionises falls with the third power of the energy. A choice

# sigma = 4.5e5 / (E0^1.65 - Ec^1.65), energies in keV, sigma in cm2/g: Heinrich's form of Duncumb's and Shields' Lenard
# coefficient, as in Goldstein et al. (2018), Scanning Electron Microscopy and X-Ray Microanalysis.
_LENARD, _LENARD_POWER = 4.5e5, 1.65

_NODES = 8  # of Gauss and Legendre, per subshell; 32 change no enhancement by more than 1 % of itself


def _lenard_coefficients(beam_energy: float, energies: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lenard coefficients, cm2/g, of electrons that ionise or radiate down to energies (keV)."""
    return np.asarray(_LENARD / (beam_energy**_LENARD_POWER - energies**_LENARD_POWER))


def _way_out(
    chi: npt.NDArray[np.float64], lenard: npt.NDArray[np.float64], absorption: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Part of the fluorescence that gets out: the bracket of Reed's formula, see `CharacteristicFluorescence`."""
    x, y = chi / absorption, lenard / absorption
    return np.asarray(np.log1p(x) / x + np.log1p(y) / y)


class CharacteristicFluorescence:
    """Enhancement of K lines by the K and L lines of other elements.

    Parameters
    ----------
    lines : Lines
        Of the emission.
    strength : (n_lines,) float64
        Photons per electron and g/cm2, see `strengths.line_strengths`.
    group_of_line : (n_lines,) int64
        Which subshell, of those that the beam ionises, a line belongs to.
    beam_energy : float
        keV.
    cosecant : float
        Of the take-off angle.

    Notes
    -----
    Castaing's correction in the form of Reed (1965), Br. J. Appl. Phys. 16:913. Of the photons of line j, half travel
    into the material, and a share C_i tau_i / mu ionises the K shell of element i there; the radiation of i that gets
    out is

        I_j / 2 * C_i (tau_i / mu) w_i [ln(1 + x) / x + ln(1 + y) / y],  x = chi_i / mu,  y = sigma / mu,

    where mu is the absorption of line j in the material, chi_i that of line i along its way out per depth, w_i the
    fluorescence yield, and sigma = 4.5e5 / (E0**1.65 - Ej**1.65) stands for the depth at which line j arises.
    """

    def __init__(
        self,
        lines: Lines,
        strength: npt.NDArray[np.float64],
        group_of_line: npt.NDArray[np.int64],
        beam_energy: float,
        cosecant: float,
    ) -> None:
        names = np.array(lines.name, dtype=object)
        data = subshells()
        exciters, photons = [], []
        for name, members in _EXCITERS.items():
            for line in np.flatnonzero((names == name) & (lines.energy > _SOFTEST)):
                family = (lines.element == lines.element[line]) & np.isin(names, members)
                exciters.append(line)
                photons.append(strength[family].sum())
        targets = np.flatnonzero(names == "K-L3")
        edges = data.edge[lines.element[targets], 0]
        energies = lines.energy[np.array(exciters, dtype=np.int64)]
        ratio = energies[:, None] / edges
        excites = (ratio > 1) & (ratio < _FARTHEST) & (edges > _SOFTEST)
        source, sink = np.nonzero(excites)
        self._cosecant = cosecant
        self._exciter_absorption = mass_absorption(energies)
        self._source = source
        self._line = targets[sink]
        self._exciter = np.array(exciters, dtype=np.int64)[source]
        self._element = lines.element[self._line]
        self._exciter_element = lines.element[self._exciter]
        self._exciter_group = group_of_line[self._exciter]
        self._group = group_of_line[self._line]
        self._photons = np.array(photons)[source]
        exciter_edge = data.edge[self._exciter_element, lines.subshell[self._exciter]] / 1000
        self._lenard = _lenard_coefficients(beam_energy, exciter_edge)
        own = self._exciter_absorption[self._element, source] * k_absorption_share()[self._element]
        self._yield = 0.5 * own * data.fluorescence_yield[self._element, 0] * lines.rate[self._line]

    def enhancement(
        self,
        fractions: npt.NDArray[np.float64],
        areas: npt.NDArray[np.float64],
        chi: npt.NDArray[np.float64],
        primary: npt.NDArray[np.floating],
    ) -> npt.NDArray[np.float64]:
        """Fluorescence over primary intensity, by subshell.

        Parameters
        ----------
        fractions : (n, 94) float64
            Mass fractions.
        areas : (n, n_groups) float64
            Ionisations per subshell, `DepthDistribution.area`; any value where the element is absent.
        chi : (n, n_lines) float64
            Absorption of the lines on their way out, cm2/g.
        primary : (n, n_lines) array
            Intensities of the lines without fluorescence, per mass fraction of their element.

        Returns
        -------
        (n, n_groups) float64
            0 for all but K subshells.
        """
        result = np.zeros_like(areas)
        present = (fractions[:, self._exciter_element] > 0) & (fractions[:, self._element] > 0)
        row, pair = np.nonzero(present)
        if not row.size:
            return result
        absorption = (fractions @ self._exciter_absorption)[row, self._source[pair]]
        source = (
            fractions[row, self._exciter_element[pair]] * self._photons[pair] * areas[row, self._exciter_group[pair]]
        )
        escape = _way_out(chi[row, self._line[pair]], self._lenard[pair], absorption)
        made = source * self._yield[pair] / absorption * escape
        np.add.at(result, (row, self._group[pair]), made / primary[row, self._line[pair]])
        return result


class ContinuumFluorescence:
    """Enhancement of lines by the continuum.

    Parameters
    ----------
    lines : Lines
        Of the emission.
    strength : (n_lines,) float64
        Photons per electron and g/cm2, see `strengths.line_strengths`.
    group_of_line : (n_lines,) int64
        Which subshell, of those that the beam ionises, a line belongs to.
    beam_energy : float
        keV.
    cosecant : float
        Of the take-off angle.

    Notes
    -----
    As `CharacteristicFluorescence`, with the photons dI of the generated continuum (`continuum.generated_continuum`)
    of energy E to E + dE in place of a line, and integrated from the edge to the beam energy: the treatment of Henoc
    (1968) and of Springer (1971), Fortschr. Mineral. 45:103, with the depth of emission as Reed has it. The photons
    ionise all subshells of the element that they reach; vacancies move as those of the beam do.

    At 20 keV it adds 3 % to Fe K of iron, 4 % to Fe K of the glass K412, 6 % to Ge K of germanium and 0.3 % to Al K of
    corundum: the harder the line and the lighter its company, the more.
    """

    def __init__(
        self,
        lines: Lines,
        strength: npt.NDArray[np.float64],
        group_of_line: npt.NDArray[np.int64],
        beam_energy: float,
        cosecant: float,
    ) -> None:
        self._beam_energy = beam_energy
        self._cosecant = cosecant
        data = subshells()
        # One line stands for its subshell: the strongest.
        order = np.lexsort((-strength, group_of_line))
        first = order[np.unique(group_of_line[order], return_index=True)[1]]
        edges = data.edge[lines.element[first], lines.subshell[first]]
        self._lines = first[(edges > _SOFTEST) & (edges < 1000.0 * beam_energy)]
        self._element = lines.element[self._lines]
        self._groups = group_of_line[self._lines]
        subshell = lines.subshell[self._lines]
        edge = data.edge[self._element, subshell] / 1000.0
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        # In equal steps of the logarithm, as the absorption falls with a power of the energy.
        top = np.log(beam_energy / edge)[:, None]
        self._energies = edge[:, None] * np.exp(0.5 * (1 + nodes) * top)
        step = 0.5 * weights * top * self._energies  # keV
        own = vacancies_by_photons(self._element, subshell, 1000.0 * self._energies)
        photons = data.fluorescence_yield[self._element, subshell] * lines.rate[self._lines]
        self._made = 0.5 * photons[:, None] * own * step
        self._absorption = mass_absorption(1000.0 * self._energies.ravel()).reshape(N_ELEMENTS, *self._energies.shape)
        self._lenard = _lenard_coefficients(beam_energy, self._energies)

    def enhancement(
        self, fractions: npt.NDArray[np.float64], chi: npt.NDArray[np.float64], primary: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.float64]:
        """Fluorescence over primary intensity, by subshell.

        Parameters
        ----------
        fractions : (n, 94) float64
            Mass fractions.
        chi : (n, n_lines) float64
            Absorption of the lines on their way out, cm2/g.
        primary : (n, n_lines) array
            Intensities of the lines without fluorescence, per mass fraction of their element.

        Returns
        -------
        (n, n_groups) float64
            0 for subshells below 1 keV.
        """
        mean_z = fractions @ np.arange(1.0, N_ELEMENTS + 1)
        result = np.zeros((len(fractions), int(self._groups.max(initial=-1)) + 1))
        present = fractions[:, self._element] > 0
        for i in np.flatnonzero(present.any(axis=0)):
            rows = np.flatnonzero(present[:, i])
            absorption = fractions[rows] @ self._absorption[:, i]
            escape = _way_out(chi[rows, self._lines[i], None], self._lenard[i], absorption)
            generated = generated_continuum(self._energies[i], self._beam_energy, mean_z[rows, None])
            made = (generated * escape / absorption) @ self._made[i]
            result[rows, self._groups[i]] = made / primary[rows, self._lines[i]]
        return result
