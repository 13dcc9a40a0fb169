import csv
import json

import numpy as np
import pytest
import torch

from napari_gdls.embedding import load_embedding
from napari_gdls.embedding.learned import LearnedEmbedding
from napari_gdls.errors import Cancelled, RecipeError
from napari_gdls.materials.composition import mass_fractions
from napari_gdls.training.config import TrainingConfig, available_recipes, load_config
from napari_gdls.training.families import TrainingMaterials
from napari_gdls.training.trainer import learning_rate, train, training_data

MATERIALS = TrainingMaterials(
    compositions=mass_fractions(
        [
            {"Mg": 34.55, "Si": 19.96, "O": 45.49},
            {"Fe": 54.81, "Si": 13.79, "O": 31.41},
            {"Si": 46.74, "O": 53.26},
            {"Na": 8.77, "Al": 10.29, "Si": 32.13, "O": 48.81},
            {"Ca": 14.41, "Al": 19.40, "Si": 20.19, "O": 46.01},
            {"Fe": 46.55, "S": 53.45},
            {"Ca": 23.66, "Fe": 21.98, "Si": 16.58, "O": 37.78},
            {"Ca": 26.69, "Al": 11.98, "Si": 18.71, "O": 42.62},
        ]
    ),
    lines=(np.array([0, 1]), np.array([3, 4]), np.array([6, 7])),
    weights=np.array([1.0, 1.0, 2.0]),
)
SMALL = TrainingConfig(
    network={"windows": 40, "hidden": [32], "dimension": 16},
    steps=20,
    families=6,
    beams=1,
    instruments=2,
    validate_every=10,
    warm_up=5,
    pca_batches=10,
    calibration_batches=1,
    device="cpu",
)


def settings(**changes):
    return TrainingConfig.from_dict({**SMALL.to_dict(), **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    assert train(SMALL, output=path, materials=MATERIALS, note="a test") == path
    return path


def test_weights_load_as_an_embedding_with_their_card(trained):
    embedding = load_embedding(trained)
    assert isinstance(embedding, LearnedEmbedding)
    assert embedding.name == "small"
    assert embedding.dimension == 16
    card = json.loads(trained.with_suffix(".json").read_text())
    assert card == embedding.card
    assert card["steps"] == 20
    assert card["materials"]["sha256"] == MATERIALS.digest
    assert card["note"] == "a test"
    assert card["calibration"] == {"c": embedding.calibration.c, "f": embedding.calibration.f}
    assert TrainingConfig.from_dict(card["recipe"]) == SMALL
    z = embedding.network()(torch.full((2, 1536), 3.0))
    assert z.shape == (2, 16)
    assert not z.requires_grad


def test_training_reduces_the_loss_and_records_its_course(trained, tmp_path):
    with trained.with_suffix(".curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [10, 20]
    assert all(0 <= float(row["auc_1000"]) <= 1 for row in rows)
    train(settings(steps=200, validate_every=200), output=tmp_path / "longer.safetensors", materials=MATERIALS)
    with (tmp_path / "longer.curves.csv").open() as file:
        longer = [float(row["loss"]) for row in csv.DictReader(file)]
    assert longer[-1] < 0.93 * float(rows[0]["loss"])


def test_equal_recipes_give_equal_weights(trained, tmp_path):
    again = train(SMALL, output=tmp_path / "small.safetensors", materials=MATERIALS, note="a test")
    assert again.read_bytes() == trained.read_bytes()
    other = train(settings(seed=1), output=tmp_path / "other.safetensors", materials=MATERIALS)
    assert other.read_bytes() != trained.read_bytes()


def test_a_stopped_training_goes_on_to_the_same_weights(trained, tmp_path):
    calls = 0

    def stop(stage, fraction):
        nonlocal calls
        calls += stage == "training"
        if calls == 13:
            raise Cancelled("stopped")

    path = tmp_path / "small.safetensors"
    with pytest.raises(Cancelled):
        train(SMALL, output=path, materials=MATERIALS, progress=stop)
    assert not path.exists()
    train(SMALL, output=path, materials=MATERIALS, resume=True, note="a test")
    assert path.read_bytes() == trained.read_bytes()
    assert path.with_suffix(".curves.csv").read_bytes() == trained.with_suffix(".curves.csv").read_bytes()


def test_resuming_with_other_settings_or_materials_is_refused(trained):
    path = trained
    with pytest.raises(RecipeError, match=r"other settings .*learning_rate"):
        train(settings(learning_rate=0.01), output=path, materials=MATERIALS, resume=True)
    fewer = TrainingMaterials(MATERIALS.compositions, MATERIALS.lines, np.ones(3))
    with pytest.raises(RecipeError, match="other materials"):
        train(SMALL, output=path, materials=fewer, resume=True)
    checkpoint = path.with_suffix(".checkpoint.safetensors")
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[:1000])
    with pytest.raises(RecipeError, match="damaged"):
        train(SMALL, output=path, materials=MATERIALS, resume=True)
    checkpoint.write_bytes(whole)


TINY_CNN = {"channels": [2, 2, 2], "kernels": [3, 3, 3], "hidden": [8]}


@pytest.mark.parametrize(
    "changes", [{"architecture": "cnn", "network": TINY_CNN}, {"architecture": "pca", "network": {}}]
)
def test_other_architectures(changes, tmp_path):
    recipe = settings(**changes, steps=3, samples=2)
    path = train(recipe, output=tmp_path / "other.safetensors", materials=MATERIALS)
    embedding = load_embedding(path)
    assert embedding.dimension == 64
    assert embedding.calibration.c > 0


def test_triplet_loss_and_fine_tuning(trained, tmp_path):
    tuned = settings(steps=3, loss="semihard-triplet", start_from=str(trained), learning_rate=1e-6)
    path = train(tuned, output=tmp_path / "tuned.safetensors", materials=MATERIALS)
    before, after = load_embedding(trained).tensors, load_embedding(path).tensors
    assert not np.array_equal(before["out.weight"], after["out.weight"])
    np.testing.assert_allclose(before["out.weight"], after["out.weight"], atol=1e-4)
    with pytest.raises(RecipeError, match="start_from"):
        train(settings(start_from="cosine"), output=tmp_path / "x.safetensors", materials=MATERIALS)


def test_training_for_one_instrument_simulates_that_instrument():
    instrument = {"beam_energy": 20.0, "take_off": 40.0, "offset": 30.0, "gain": 0.002, "fwhm": 140.0, "continuum": 2.0}
    data = training_data(settings(instrument=instrument, instruments=6, beams=2), MATERIALS, binning=2)
    fitted = [each.instrument for each in data.training.library.responses]
    assert len(fitted) == 6
    assert np.mean([each.offset for each in fitted]) == pytest.approx(30.0, abs=3)
    assert np.mean([each.detector.fwhm for each in fitted]) == pytest.approx(140.0, abs=4)
    assert {each.detector.window for each in fitted} != {"polymer"} or len({each.detector.tail for each in fitted}) > 1
    plain = training_data(
        settings(instrument={**instrument, "continuum": 1.0}, instruments=6, beams=2), MATERIALS, binning=2
    )
    quiet = slice(500, 700)  # 10.2 to 14.2 keV: no lines of these materials
    shares = [float(each.training.batch(0).expected[:, quiet].sum()) for each in (data, plain)]
    assert shares[0] > 1.3 * shares[1]


def test_the_rate_warms_up_and_falls():
    rates = [learning_rate(TrainingConfig(steps=1000, warm_up=100), step) for step in range(1000)]
    assert max(rates) < 1e-3
    assert int(np.argmax(rates)) == 99
    assert rates[0] == pytest.approx(1e-5, rel=0.01)
    assert rates[-1] == pytest.approx(2e-5, rel=0.01)


def test_weights_go_to_a_safetensors_file(tmp_path):
    with pytest.raises(RecipeError, match=r"\.safetensors"):
        train(SMALL, output=tmp_path / "weights.pt", materials=MATERIALS)


def test_recipes_of_the_shipped_weights_are_there():
    assert set(available_recipes()) == {"windows", "cnn", "pca"}
    for name in available_recipes():
        assert load_config(name).architecture == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 0", "steps"),
        ("steps = true", "steps"),
        ('architecture = "vgg"', "vgg"),
        ("speed = 3", "no setting speed"),
        ("steps = ", "not TOML"),
        ("spacing = [3.0, 1.0]", "spacing"),
        ('spacing = "wide"', "spacing"),
        ("learning_rate = nan", "learning_rate"),
        ("held_out = 1.0", "held_out"),
        ("samples = 1", "samples"),
        ('architecture = "pca"\nstart_from = "pca"', "start_from"),
        ("instrument = { fwhm = 130 }", "it needs exactly"),
        (
            "instrument = { beam_energy = 20, take_off = 35, offset = 0, gain = 9, fwhm = 130, continuum = 1 }",
            r"instrument\.gain",
        ),
    ],
)
def test_bad_recipes_are_refused_with_their_name(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message) as error:
        load_config(path)
    assert "bad.toml" in str(error.value)


def test_a_missing_recipe_says_which_there_are(tmp_path):
    with pytest.raises(RecipeError, match="windows"):
        load_config(tmp_path / "none.toml")
