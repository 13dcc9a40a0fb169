import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from napari_gdls.embedding import Embedding, embed, load_embedding
from napari_gdls.embedding.learned import load_learned, save_learned
from napari_gdls.embedding.networks import build_network
from napari_gdls.errors import EmbeddingError, OutputError

OPTIONS = {"windows": 20, "hidden": [16], "dimension": 8}
CARD = {
    "name": "tiny",
    "architecture": "windows",
    "network": OPTIONS,
    "dimension": 8,
    "calibration": {"c": 0.2, "f": 0.03},
    "note": "für Tests",
}


def tensors():
    torch.manual_seed(0)
    return {name: value.numpy() for name, value in build_network("windows", OPTIONS).state_dict().items()}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_learned(path, tensors(), CARD)
    return path


def test_what_is_saved_is_what_is_loaded(weights):
    embedding = load_embedding(weights)
    assert isinstance(embedding, Embedding)
    assert (embedding.name, embedding.dimension) == ("tiny", 8)
    assert (embedding.calibration.c, embedding.calibration.f) == (0.2, 0.03)
    assert embedding.card["note"] == "für Tests"
    stored = tensors()
    assert all(np.array_equal(embedding.tensors[name], stored[name]) for name in stored)
    network = build_network("windows", OPTIONS)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in stored.items()})
    counts = np.random.default_rng(0).poisson(1.0, (9, 1536)).astype(np.float32)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(counts)).numpy()
    np.testing.assert_allclose(embed(counts, embedding, device="cpu"), expected, atol=1e-5)


def test_equal_weights_give_equal_files(weights, tmp_path):
    again = tmp_path / "tiny.safetensors"
    save_learned(again, dict(reversed(tensors().items())), CARD)
    assert again.read_bytes() == weights.read_bytes()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_flipped_bytes_are_noticed(weights, tmp_path_factory, data):
    whole = bytearray(weights.read_bytes())
    header = 8 + int.from_bytes(whole[:8], "little")
    # As often in the header, which is short, as in the tensors.
    limits = (0, header - 1) if data.draw(st.booleans()) else (header, len(whole) - 1)
    whole[data.draw(st.integers(*limits))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "x.safetensors"
    path.write_bytes(whole)
    try:
        embedding = load_learned(path)
    except EmbeddingError:
        return
    # What still loads means the same: blanks that pad the header, or another spelling of the same JSON.
    assert embedding.card == load_learned(weights).card
    assert all(np.array_equal(embedding.tensors[k], v) for k, v in load_learned(weights).tensors.items())


@pytest.mark.parametrize("length", [0, 5, 8, 200, 3000, -1])
def test_truncated_files_are_refused(weights, tmp_path, length):
    path = tmp_path / "short.safetensors"
    path.write_bytes(weights.read_bytes()[:length])
    with pytest.raises(EmbeddingError, match=r"short\.safetensors"):
        load_embedding(path)


def test_foreign_files_are_refused(tmp_path):
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(save(tensors()))
    with pytest.raises(EmbeddingError, match="not weights of this program"):
        load_embedding(foreign)
    with pytest.raises(EmbeddingError, match="cannot be read"):
        load_embedding(tmp_path / "missing.safetensors")
    with pytest.raises(EmbeddingError, match="path of a"):
        load_embedding("missing")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": {**OPTIONS, "windows": 30}}, "does not fit|do not fit"),
        ({"architecture": "pca", "network": {}}, "do not fit"),
        ({"architecture": "vgg"}, "no architecture"),
        ({"dimension": 9}, "9 dimensions"),
        ({"calibration": {"c": -1.0, "f": 0.0}}, "c must be positive"),
        ({"calibration": {}}, "lacks"),
        ({"network": {"windows": 10**9}}, "numbers up to"),
    ],
)
def test_cards_that_do_not_fit_are_refused(tmp_path, change, message):
    path = tmp_path / "odd.safetensors"
    save_learned(path, tensors(), {**CARD, **change})
    with pytest.raises(EmbeddingError, match=message):
        load_embedding(path)


def test_values_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "nan.safetensors"
    broken = tensors()
    broken["mean"][3] = np.nan
    save_learned(path, broken, CARD)
    with pytest.raises(EmbeddingError, match="finite"):
        load_embedding(path)


def test_a_later_format_is_named(weights, tmp_path):
    path = tmp_path / "later.safetensors"
    save_learned(path, tensors(), {**CARD, "format": "napari-gdls embedding 2"})
    with pytest.raises(EmbeddingError, match="embedding 2"):
        load_embedding(path)


def test_card_beside_the_weights_is_the_card_inside(weights):
    assert json.loads(weights.with_suffix(".json").read_text(encoding="utf-8")) == load_learned(weights).card


def test_weights_that_cannot_be_written_say_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="no folder"):
        save_learned(tmp_path / "file" / "x.safetensors", tensors(), CARD)
    with pytest.raises(OutputError, match=r"end with \.safetensors"):
        save_learned(tmp_path / "x.pt", tensors(), CARD)
