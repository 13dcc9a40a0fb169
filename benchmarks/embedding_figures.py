"""Pictures of the shipped embeddings for the documentation: ``python -m benchmarks.embedding_figures``.

For every architecture the course of the training (loss, AUC on pairs held out of it) and where spectra of some mineral
groups lie: two principal components of z, at 1,000 counts. Written to ``docs/images/embedding_NAME.png``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from benchmarks.embedding import expected_spectra
from napari_gdls.embedding import embed, load_embedding
from napari_gdls.embedding.learned import LearnedEmbedding, shipped_weights
from napari_gdls.energy import CANONICAL_AXIS

mpl.use("Agg")
import matplotlib.pyplot as plt

GROUPS = {
    "feldspars": ("KAlSi3O8", "NaAlSi3O8", "Na0.7Ca0.3Al1.3Si2.7O8", "Na0.4Ca0.6Al1.6Si2.4O8", "CaAl2Si2O8"),
    "garnets": ("Mg3Al2Si3O12", "Fe3Al2Si3O12", "Mn3Al2Si3O12", "Ca3Al2Si3O12", "Ca3Fe2Si3O12"),
    "olivines": ("Mg2SiO4", "Mg1.6Fe0.4SiO4", "MgFeSiO4", "Fe2SiO4"),
    "pyroxenes": ("MgSiO3", "Mg0.5Fe0.5SiO3", "CaMgSi2O6", "CaFeSi2O6", "NaAlSi2O6"),
    "carbonates": ("CaCO3", "CaMgC2O6", "MgCO3", "FeCO3", "MnCO3"),
    "Fe-Ti oxides": ("Fe3O4", "Fe2.5Ti0.5O4", "FeTiO3", "TiO2"),
    "sulphides": ("FeS2", "CuFeS2", "ZnS", "Zn0.8Fe0.2S", "PbS"),
    "columbite-tantalite": ("MnNb2O6", "MnNb1.5Ta0.5O6", "MnNbTaO6", "MnTa2O6"),
    "quartz": ("SiO2",),
}
"""Formulas of the minerals in the pictures."""


def curves(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Columns of a file of training curves."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def draw(name: str, weights: Path, to: Path) -> None:
    """Draw one embedding."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    model = load_embedding(name)
    assert isinstance(model, LearnedEmbedding)
    course = weights.with_suffix(".curves.csv")
    if course.exists():
        values = curves(course)
        for column, colour in (("auc_300", "#9ecae1"), ("auc_1000", "#4292c6"), ("auc_3000", "#08519c")):
            label = f"{int(column[4:]):,d} counts"
            left.plot(values["step"], values[column], color=colour, label=label)
        left.set(xlabel="training step", ylabel="AUC on held-out pairs", ylim=(0.5, 1.0))
        loss = left.twinx()
        loss.plot(values["step"], values["loss"], color="#d94801", lw=1, label="training loss")
        loss.set_ylabel("training loss")
        handles = [*left.get_lines(), *loss.get_lines()]
        labels = [line.get_label() for line in handles]
        left.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, frameon=False)
    else:
        scores = model.card["validation_auc"]
        left.plot([int(counts) for counts in scores], list(scores.values()), "o-", color="#08519c")
        left.set(xscale="log", xlabel="counts", ylabel="AUC on held-out pairs", ylim=(0.5, 1.0))
    left.set_title("fitted without training" if not course.exists() else f"{model.card['steps']:,d} steps")

    rng = np.random.default_rng(0)
    owner = [group for group, formulas in GROUPS.items() for _ in formulas]
    spectra = expected_spectra([formula for formulas in GROUPS.values() for formula in formulas], CANONICAL_AXIS)
    z = embed(rng.poisson(1000 * np.repeat(spectra, 40, axis=0)).astype(np.float32), model, device="cpu")
    centred = z - z.mean(axis=0)
    plane = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    for group, colour in zip(GROUPS, mpl.colormaps["tab10"].colors, strict=False):
        own = np.repeat([each == group for each in owner], 40)
        right.scatter(*plane[own].T, s=4, color=colour, label=group, linewidths=0)
    right.legend(markerscale=3, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    right.set(xticks=[], yticks=[], title="z at 1,000 counts, two principal components")
    figure.suptitle(name)
    figure.savefig(to, dpi=110)
    plt.close(figure)


def main() -> None:
    folder = Path(__file__).parents[1] / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for name, weights in shipped_weights().items():
        target = folder / f"embedding_{name}.png"
        draw(name, weights, target)
        print(f"wrote {target}")


if __name__ == "__main__":
    main()
