"""Train the model of the exam and publish it under `hub/`, small: a Keras 3 export.

Two images of a meter's digit, now and before: has it gone up, and by how much? Two inputs of one
shape and two outputs, one of them a single number, so that whoever goes by position instead of
names is silently wrong. Its bytes differ each time, because Keras exports in an order of its own.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np

from helpers import digits
from tools.train import publish

HANDLE = "exam/meter"
SEED, EPOCHS, BATCH, PAIRS = 0, 15, 128, 60000
SHAPE = (8, 8, 1)
TREND = ["down", "same", "up"]


def pairs(split, count):
    """Return ({input: images (count, 8, 8, 1)}, {output: targets}) of pairs of digits."""
    images, labels = digits.load(split)
    random = np.random.default_rng(SEED)
    before, now = random.integers(len(labels), size=(2, count))
    for row in np.flatnonzero(random.random(count) < 0.25):
        now[row] = random.choice(np.flatnonzero(labels == labels[before[row]]))
    change = labels[now].astype(int) - labels[before]
    pixels = digits.as_model_input(images, SHAPE)
    inputs = {"now": pixels[now], "before": pixels[before]}
    return inputs, {"trend": np.sign(change) + 1, "change": change.astype(np.float32)}


def build():
    """Return the untrained model: one encoder for both images, and two outputs."""
    layers = keras.layers
    encoder = keras.Sequential(
        [
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.25),
        ],
        name="encoder",
    )
    now, before = keras.Input(SHAPE, name="now"), keras.Input(SHAPE, name="before")
    both = layers.Concatenate()([encoder(now), encoder(before)])
    hidden = layers.Dense(48, activation="relu")(both)
    outputs = {
        "trend": layers.Dense(len(TREND), name="trend")(hidden),
        "change": layers.Dense(1, name="change")(hidden),
    }
    return keras.Model({"now": now, "before": before}, outputs)


def main() -> None:
    """Train, print the accuracy, write the archive and the page."""
    keras.utils.set_random_seed(SEED)
    model = build()
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * (PAIRS // BATCH))
    trend = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), {"trend": trend, "change": "mse"})
    model.fit(*pairs("train", PAIRS), batch_size=BATCH, epochs=EPOCHS, verbose=2)
    inputs, targets = pairs("test", 1000)
    outputs = model.predict(inputs, verbose=0)
    facts = publish.evaluate(outputs["trend"], targets["trend"])
    error = float(np.abs(outputs["change"][:, 0] - targets["change"]).mean())
    print(f"change: mean absolute error {error:.2f}")
    with tempfile.TemporaryDirectory() as work:
        saved = Path(work, "saved")
        model.export(saved, verbose=False)
        publish.publish(saved, HANDLE)
    facts |= {"weights": model.count_params(), "error": error}
    publish.write_page("exam.md.j2", HANDLE, **facts)


if __name__ == "__main__":
    main()
