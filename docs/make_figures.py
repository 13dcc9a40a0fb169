"""Draw the pictures of the documentation that need no screen: ``python docs/make_figures.py [NAME ...]``.

Names are those of the files without ending, or "doses" for the table of the dacite at several doses; none: all.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from skimage.io import imsave

import napari_gdls as gdls
from napari_gdls.embedding.inference import embedder
from napari_gdls.graph import MeasurementGraph, build_graph
from napari_gdls.graph.merging import build_merge_tree, expected_false_borders
from napari_gdls.materials.formula import parse_formula
from napari_gdls.overlap import component_evidence, separate_phases, unmix_overlapping, unmixing_picture
from napari_gdls.phases.difference import Scale
from napari_gdls.segmentation.picture import segmentation_picture
from napari_gdls.simulation import Disturbances
from napari_gdls.spectra import element_map
from napari_gdls.spectra.windows import window_counts

IMAGES = Path(__file__).parent / "images"
TAU_Z = (0.15, 0.3, 0.8)
HARD_PAIRS = {
    "andradite, with 18 % grossular": ("Ca3Fe2Si3O12", "Ca3Fe1.64Al0.36Si3O12"),
    "columbite, 20 and 25 % Ta": ("MnNb1.6Ta0.4O6", "MnNb1.5Ta0.5O6"),
    "plagioclase, An30 and An40": ("Na0.7Ca0.3Al1.3Si2.7O8", "Na0.6Ca0.4Al1.4Si2.6O8"),
    "olivine, Fo90 and Fo80": ("Mg1.8Fe0.2SiO4", "Mg1.6Fe0.4SiO4"),
}


def draw_dacite() -> None:
    """BSE beside segments, in the colours of their phases, with their names."""
    named = gdls.identify(gdls.segment(gdls.sample_field("dacite"))).named()
    imsave(IMAGES / "dacite.png", segmentation_picture(named))


def draw_thresholds() -> None:
    """Segments of the dacite for three values of tau_z."""
    field = gdls.sample_field("dacite")
    first = gdls.segment(field, tau_z=TAU_Z[0])
    results = [first] + [
        gdls.segment(field, embedding=first.embedding, graph=first.graph, tau_z=tau_z) for tau_z in TAU_Z[1:]
    ]
    panels = []
    for tau_z, result in zip(TAU_Z, results, strict=True):
        print(f"tau_z = {tau_z}: {result.n_segments} segments of {result.n_phases} phases")
        picture = segmentation_picture(result)
        factor = picture.shape[1] // (2 * field.shape[1])
        panels += [picture[: factor * field.shape[0], -factor * field.shape[1] :]]
    gap = np.full((len(panels[0]), 12, 3), 255, np.uint8)
    imsave(IMAGES / "thresholds.png", np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1))


def draw_simulated() -> None:
    """Phases, BSE image, total counts and iron of a simulated field."""
    from matplotlib import colormaps
    from matplotlib import pyplot as plt
    from matplotlib.colors import PowerNorm
    from matplotlib.patches import Patch

    disturbances = Disturbances(zoning=0.6, charging=4.0, charged_area=0.08, grain_tilt=4.0, counts_spread=0.1)
    field = gdls.simulate_field((160, 220), seed=12, dots="tima", grain_size=22.0, disturbances=disturbances)
    rows, columns = field.locations.T
    # Each pixel shows the measurement nearest to it.
    measured = np.zeros(field.shape, dtype=bool)
    measured[rows, columns] = True
    nearest = tuple(distance_transform_edt(~measured, return_distances=False, return_indices=True))
    counts = np.zeros(field.shape)
    counts[rows, columns] = field.total_counts

    figure, axes = plt.subplots(2, 2, figsize=(11, 8.6), layout="constrained")
    names = field.metadata["phase_names"]
    colours = colormaps["tab20"](np.arange(len(names)))
    axes[0, 0].imshow(colours[field.metadata["truth_phases"] - 1])
    axes[0, 0].plot(columns, rows, ".", color="black", markersize=0.8)
    handles = [Patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)]
    figure.legend(handles=handles, ncols=5, loc="outside lower center", frameon=False, fontsize=9)
    darkest, brightest = np.percentile(field.bse, (1, 98))
    axes[0, 1].imshow(field.bse, cmap="gray", norm=PowerNorm(0.6, darkest, brightest, clip=True))
    for axis, image, title in (
        (axes[1, 0], counts[nearest], "Total counts"),
        (axes[1, 1], element_map(field, "Fe")[nearest], "Counts of Fe K\u03b1"),
    ):
        figure.colorbar(axis.imshow(image, cmap="viridis"), ax=axis, shrink=0.8)
        axis.set_title(title)
    axes[0, 0].set_title("True phases, and where spectra were measured")
    axes[0, 1].set_title("BSE image")
    for axis in axes.flat:
        axis.set_axis_off()
    figure.savefig(IMAGES / "simulated.png", dpi=100)
    plt.close(figure)


def draw_null() -> None:
    """False borders inside one material, by significance: measured for several counts, and expected."""
    from matplotlib import pyplot as plt

    significance = np.arange(0, 21)
    figure, axis = plt.subplots(figsize=(7, 4.6), layout="constrained")
    materials = {"quartz": "SiO2", "almandine": "Fe3Al2Si3O12"}
    for (name, formula), marker in zip(materials.items(), "o^", strict=True):
        for colour, counts in enumerate((100, 300, 1000, 3000, 10_000)):
            field, sums, graph = one_material(formula, counts)
            tree = build_merge_tree(field, graph, counts=sums)
            found = [tree.n_segments(tree.height_of_significance(x)) - 1 for x in significance]
            print(f"{name}, {counts} counts: {dict(zip(significance[::2].tolist(), found[::2], strict=True))}")
            label = f"{name}, {counts:,} counts"
            axis.plot(significance, np.maximum(found, 0.5), marker, color=f"C{colour}", markersize=4, label=label)
    expected = [expected_false_borders(field.n_measurements, x) for x in significance]
    axis.plot(significance, expected, color="black", label="expected_false_borders")
    default = np.log(field.n_measurements) + 5
    axis.axvline(default, color="0.6", linestyle=":")
    axis.annotate("default, ln N + 5", (default, 3000), rotation=90, ha="right", va="center", color="0.4")
    axis.set(yscale="log", xlabel="significance x", ylabel=f"false borders among {field.n_measurements:,} measurements")
    axis.legend(fontsize=8, frameon=False, ncols=2)
    figure.savefig(IMAGES / "null.png", dpi=110)
    plt.close(figure)


def one_material(formula: str, counts: int) -> tuple[gdls.Field, npt.NDArray[np.int32], MeasurementGraph]:
    """A field of one material, 178 x 178 measurements, their counts in energy windows, and their graph."""
    random = np.random.default_rng(counts)
    energy = gdls.load_embedding().energy
    spectrum = gdls.simulate_spectra([parse_formula(formula).mass_fractions], energy=energy, counts=1e6)
    side = 178
    bse = random.normal(30_000, 300, (side, side)).astype(np.uint16)
    places = np.argwhere(np.ones(bse.shape, dtype=bool))
    # The windows of one expected spectrum, then Poisson counts in them: the same as those of Poisson spectra.
    expected = window_counts(gdls.Field(bse[:1, :1], spectrum, np.zeros((1, 2), dtype=int), energy))[0]
    sums = random.poisson(counts * (expected / expected.sum()), (side**2, len(expected))).astype(np.int32)
    field = gdls.Field(bse, np.ones((side**2, energy.size), dtype=np.uint8), places, energy)
    return field, sums, build_graph(field, np.full((side**2, 2), np.sqrt(0.5), dtype=np.float32))


def draw_difference() -> None:
    """D and delta_z of pairs of minerals that are hard to tell apart, from 300 to 100,000 counts."""
    from matplotlib import pyplot as plt

    model = gdls.load_embedding()
    embed = embedder(model, model.energy)
    scale = Scale(model.calibration, 0.0, 1.0, 0.3)
    counts = np.array([300, 1000, 3000, 10_000, 30_000, 100_000])
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained", sharex=True)
    for name, formulas in HARD_PAIRS.items():
        expected = gdls.simulate_spectra([parse_formula(formula).mass_fractions for formula in formulas])
        true = float(
            scale.difference(np.linalg.norm(np.subtract(*embed(1e6 * expected.astype(np.float64)))), np.inf, np.inf)
        )
        rows = []
        for n in counts:
            random = np.random.default_rng(n)
            a, b = (embed(random.poisson(n * spectrum, (400, len(spectrum))).astype(float)) for spectrum in expected)
            distance = np.linalg.norm(a - b, axis=1)
            noise_free = np.quantile(scale.difference(distance, n, n), (0.25, 0.5, 0.75))
            rows.append([*noise_free, np.median(model.calibration.delta_z(distance, np.full(400, n), np.full(400, n)))])
        low, median, high, delta_z = np.array(rows).T
        print(f"{name}: true {true:.3f}; D {np.round(median, 3).tolist()}; delta_z {np.round(delta_z, 2).tolist()}")
        (line,) = axes[0].plot(counts, median, "o-", label=name)
        axes[0].fill_between(counts, low, high, color=line.get_color(), alpha=0.15)
        axes[0].axhline(true, color=line.get_color(), linestyle=":")
        axes[1].plot(counts, delta_z, "o-", label=name)
    axes[0].set(xscale="log", ylim=0, xlabel="counts of each sum", title="D, the noise-free difference")
    axes[1].set(yscale="log", xlabel="counts of each sum", title="delta_z, in units of noise")
    axes[0].legend(fontsize=8, frameon=False)
    figure.savefig(IMAGES / "difference.png", dpi=110)
    plt.close(figure)


def print_doses() -> None:
    """Modal composition of the dacite at a part of its counts, phases up to D = 2.4 from each other taken together."""
    field = gdls.sample_field("dacite")
    reference = None
    for part in (1.0, 0.5, 0.25, 0.1):
        result = gdls.segment(field if part == 1 else field.thinned(part, seed=1))
        coarse = result.coarsened(2.4)
        found = coarse.measurement_phases.labels
        reference = found if reference is None else reference
        common = np.zeros((reference.max() + 1, coarse.n_phases), dtype=int)
        np.add.at(common, (reference, found), 1)
        shares = [f"{coarse.modal.percent[k]:.2f} ± {coarse.modal.error[k]:.2f}" for k in common.argmax(axis=1)]
        print("|", " | ".join([f"{part:g}", str(result.n_phases), str(coarse.n_phases), *shares]), "|")


def draw_overlapping() -> None:
    """What a run says of the sample of overlapping phases."""
    imsave(IMAGES / "overlapping.png", unmixing_picture(unmix_overlapping(gdls.sample_field("overlapping"))))


def draw_components() -> None:
    """Deviance of held-out counts by the number of components, and eigenvalues over the edge of noise."""
    from matplotlib import pyplot as plt

    evidence = component_evidence(gdls.sample_field("overlapping"))
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    axes[0].plot(evidence.n, evidence.deviance - evidence.deviance.min(), "o-", color="C0")
    axes[0].axvline(evidence.chosen, color="0.6", linestyle=":")
    axes[0].set(yscale="symlog", ylim=0, xlabel="components", title="deviance of held-out counts, above the least")
    number = np.arange(1, 11)
    axes[1].plot(number, evidence.eigenvalues[: len(number)], "o", color="C1")
    axes[1].axhline(evidence.edge, color="0.6", linestyle=":")
    axes[1].annotate("largest of noise alone", (number[-1], evidence.edge), ha="right", va="bottom", color="0.4")
    axes[1].set(yscale="log", xlabel="number", title="eigenvalues of the weighted map")
    for axis in axes:
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(IMAGES / "components.png", dpi=110)
    plt.close(figure)


def draw_traces() -> None:
    """Lines of Nd in two phases: summed over the whole mask, and over a box of 8 x 8 pixels of it."""
    from matplotlib import pyplot as plt

    field = gdls.sample_field("overlapping")
    truth = field.metadata["truth"]
    separation = separate_phases(field, truth["presence"], matrix=truth["matrix"])
    shown = (field.energy.centers > 4700) & (field.energy.centers < 6200)  # eV: Nd La is at 5,230
    energy = field.energy.centers[shown] / 1000
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for axis, phase in zip(axes, (truth["matrix"], "Ca-perovskite"), strict=True):
        inside = separation.masks[phase]
        depth = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
        row, column = np.clip(np.array(np.unravel_index(depth.argmax(), depth.shape)), 4, np.array(inside.shape) - 4)
        box = np.zeros_like(inside)
        box[row - 4 : row + 4, column - 4 : column + 4] = True
        for name, mask, colour in (("box of 8 x 8 px", box & inside, "0.7"), ("whole mask", inside, "C0")):
            counts = field.summed_spectra(np.where(mask[tuple(field.locations.T)], 0, -1), 1)[0]
            axis.plot(energy, counts[shown] / counts.sum() * 1e6, color=colour, label=f"{name}, {mask.sum():,} px")
        report = separation.trace_report(["Nd"], box=box & inside)
        found = next(found for found in report.rows if found.phase == phase)
        print(f"{phase}: Nd {found.significance:.1f} sigma, in the box {found.box_significance:.1f}")
        axis.set(title=f"{phase}, Nd L", xlabel="energy (keV)")
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("counts of a channel in a million")
    figure.savefig(IMAGES / "traces.png", dpi=110)
    plt.close(figure)


FIGURES = {
    "dacite": draw_dacite,
    "thresholds": draw_thresholds,
    "simulated": draw_simulated,
    "null": draw_null,
    "difference": draw_difference,
    "doses": print_doses,
    "overlapping": draw_overlapping,
    "components": draw_components,
    "traces": draw_traces,
}

if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or FIGURES:
        FIGURES[name]()
