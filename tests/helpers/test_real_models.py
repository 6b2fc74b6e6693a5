"""Real third-party models, from the handle to the .tflite, with predictions that can be checked."""

import numpy as np
import pytest
from PIL import Image

from conftest import real_models
from helpers import convert, handles, interpreter, parity


def photo(name):
    """Return a photo as Hub's image models want it: (1, 224, 224, 3) float32, RGB in [0, 1]."""
    image = (
        Image.open(real_models("photos", name))
        .convert("RGB")
        .resize((224, 224), Image.Resampling.BILINEAR)
    )
    return np.asarray(image, np.float32)[None] / 255


@pytest.fixture(scope="module")
def mobilenet(real_hub):
    """The folder of the rebuilt ImageNet MobileNet, fetched from the loopback hub."""
    return handles.fetch(handles.check(f"{real_hub}/rebuilt/mobilenet_v1_025_224/classification/1"))


@pytest.mark.parametrize(
    ("name", "label"),
    [("cat.bmp", "Egyptian cat"), ("bird.bmp", "chickadee"), ("parrot.jpg", "macaw")],
)
def test_the_mobilenet_names_the_photo_before_and_after(name, label, mobilenet):
    import tensorflow_hub as hub

    labels = real_models("photos", "imagenet_labels.txt").read_text().splitlines()
    before = np.asarray(hub.load(str(mobilenet))(photo(name)))
    after = interpreter.predict(interpreter.load(convert.convert_cached(mobilenet)), photo(name))
    assert [labels[int(scores.argmax())] for scores in (before, after)] == [label, label]
    ledger = parity.Ledger()
    ledger.add("SavedModel", parity.size_of(mobilenet), before)
    ledger.add("float32 .tflite", 1, after, tolerance=1e-3)


@pytest.fixture(scope="module")
def spotter(real_hub):
    """The keyword spotter's folder, its inputs (200, 49, 10, 1) and a ledger of its own outputs."""
    import tensorflow as tf

    folder = handles.fetch(f"{real_hub}/mlperf-tiny/keyword_spotting/1")
    spectrograms = np.random.default_rng(0).normal(size=(200, 49, 10, 1)).astype(np.float32)
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    ledger = parity.Ledger()
    ledger.add("SavedModel", parity.size_of(folder), signature(tf.constant(spectrograms))["dense"])
    return folder, spectrograms, ledger


def test_the_keyword_spotter_converts_and_agrees(spotter):
    folder, spectrograms, ledger = spotter
    path = convert.convert_cached(folder)
    row = ledger.add(
        "float32 .tflite",
        path.stat().st_size,
        interpreter.predict(interpreter.load(path), spectrograms),
        tolerance=1e-4,
    )
    assert row.agree == row.total == 200


def test_its_int8_file_is_no_larger_and_no_further_from_it_than_the_published_one(spotter):
    folder, spectrograms, ledger = spotter
    published = real_models("tflite", "kws_int8_published.tflite")
    ours = convert.convert_cached(
        folder, "int8", lambda: ([one[None]] for one in spectrograms[:100])
    )
    rows = {
        path: ledger.add(
            path.name,
            path.stat().st_size,
            interpreter.predict(interpreter.load(path), spectrograms),
            1,
            0,
        )
        for path in (ours, published)
    }
    assert 0.9 < rows[ours].size / rows[published].size <= 1
    assert (
        rows[ours].agree >= rows[published].agree > 150
        and rows[ours].difference < rows[published].difference
    )
