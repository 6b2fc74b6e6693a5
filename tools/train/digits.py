"""Train the two embedded models and publish them under `hub/`, the way TF Hub published its own.

Run it with `make models`. The seed is fixed and the archives are written without times, owners or
random numbers, so the same machine and the same versions give the same bytes. The recipe has three
unusual steps, explained where they are: BatchNorm momentum, whole batches only, and augmentation
straight from 8x8 pixels.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

from helpers import digits, parity, tinyhub
from tools.train.archive import fixed_identity, packed

SEED, EPOCHS, BATCH = 0, 40, 64
LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

DOCS = """# digits/mobilenet_v2/{kind}/1

{summary}

| | |
|---|---|
| Format | TF2 SavedModel, reusable: callable, fine-tunable, signature `serving_default` |
| Input | `images`: float32, (batch, {size}, {size}, 3), RGB in [0, 1], light strokes on black |
| Output | {output} |
| Architecture | MobileNetV2, depth multiplier 0.35, {size} x {size} pixels, {weights:,} weights |
| Training data | 1347 digits of the UCI set "Optical Recognition of Handwritten Digits", \
as scikit-learn ships it |
| Held-out accuracy | {correct} of {total} test digits \
({low:.1%} to {high:.1%}, 95 % interval){of_what} |
| Labels | asset `labels.txt`, one name a line, `zero` first |

    model = hub.load("http://127.0.0.1:{port}/digits/mobilenet_v2/{kind}/1")
    {use}
"""


def augment(pixels, count):
    """Warp (count, 8, 8, 1) pixels in [0, 1] to (count, 48, 48, 1).

    One affine map both resizes and jitters.
    """
    angle = tf.random.uniform([count], -15, 15) * np.pi / 180
    zoom = tf.exp(tf.random.uniform([count], -0.15, 0.15))
    shear = tf.random.uniform([count], -0.15, 0.15)
    shift = tf.random.uniform([count, 2], -1, 1)
    step = 8 / digits.SIZE * zoom
    a, b = tf.cos(angle) * step, (-tf.sin(angle) + shear) * step
    c, d = tf.sin(angle) * step, tf.cos(angle) * step
    centre = (digits.SIZE - 1) / 2
    left = 3.5 + shift[:, 0] - (a + b) * centre
    top = 3.5 + shift[:, 1] - (c + d) * centre
    zero = tf.zeros([count])
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=tf.stack([a, b, left, c, d, top, zero, zero], axis=1),
        output_shape=[digits.SIZE, digits.SIZE],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    gain = tf.random.uniform([count, 1, 1, 1], 0.75, 1.25)
    noise = tf.random.normal(tf.shape(warped)) * tf.random.uniform([count, 1, 1, 1], 0, 0.05)
    return tf.clip_by_value(warped * gain + noise, 0, 1)


def train(epochs):
    """Return a trained MobileNetV2 whose last layer gives ten logits."""
    tf_keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    size = digits.SIZE
    body = tf_keras.applications.MobileNetV2(
        (size, size, 3), alpha=0.35, weights=None, include_top=False, pooling="avg"
    )
    model = tf_keras.Sequential([body, tf_keras.layers.Dense(10, name="logits")])
    for layer in body.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            # Keras's 0.999 needs thousands of steps: after our 840 the running mean would still be
            # near zero.
            layer.momentum = 0.9
    images, labels = digits.load("train")
    pixels = tf.constant(images[..., None] / 16, tf.float32)

    def warp(index):
        batch = augment(tf.gather(pixels, index), BATCH)
        return tf.repeat(batch, 3, axis=-1), tf.gather(labels, index)

    # The remainder batch of three images would spoil BatchNorm's running variance: drop it.
    data = (
        tf.data.Dataset.range(len(labels))
        .shuffle(len(labels), seed=SEED)
        .batch(BATCH, drop_remainder=True)
        .map(warp)
    )
    steps = epochs * (len(labels) // BATCH)
    model.compile(
        tf_keras.optimizers.Adam(tf_keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(data, epochs=epochs, verbose=2)
    return model, body


def reusable(model, signature_name):
    """Wrap a Keras model as a reusable TF2 SavedModel: the interface that Hub asks for, no more.

    https://www.tensorflow.org/hub/reusable_saved_models: a callable with `training`, `variables`,
    `trainable_variables` and `regularization_losses`. A tf.train.Checkpoint saves these lists; a
    tf.Module would not, since its own `variables` is a property.
    """
    exported = tf.train.Checkpoint()
    exported.variables = model.variables
    exported.trainable_variables = model.trainable_variables
    exported.regularization_losses = []
    spec = tf.TensorSpec([None, digits.SIZE, digits.SIZE, 3], tf.float32, name="images")

    @tf.function(autograph=False)
    def call(images, training=False):
        return model(images, training=training)

    call.get_concrete_function(spec, training=False)
    call.get_concrete_function(spec, training=True)
    exported.__call__ = call
    signature = tf.function(lambda images: {signature_name: call(images, training=False)}, [spec])
    return exported, {"serving_default": signature}


def publish(exported, signatures, archive):
    """Save as a SavedModel, pack it as Hub did (the model at the root), and return its .tflite."""
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder, "labels.txt")
        labels.write_text("\n".join(LABELS) + "\n")
        exported.labels = tf.saved_model.Asset(str(labels))
        saved = Path(folder, "saved")
        tf.saved_model.save(exported, str(saved), signatures)
        fixed_identity(saved / "fingerprint.pb")
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive.write_bytes(packed(saved))
        return saved_as_tflite(saved)


def saved_as_tflite(saved):
    """Return the dynamic-range .tflite of a SavedModel folder, as bytes."""
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def main(folder, epochs):
    """Train, print the accuracy, and write archives, the published .tflite and the docs pages."""
    model, body = train(epochs)
    images, labels = digits.load("test")
    logits = model.predict(digits.as_model_input(images), verbose=0)
    correct, total = int((logits.argmax(1) == labels).sum()), len(labels)
    print(f"held-out accuracy: {correct} of {total} = {correct / total:.2%}")

    publisher = Path(folder) / "digits" / "mobilenet_v2"
    low, high = parity.wilson(correct, total)
    facts = {
        "port": tinyhub.PORTS[0],
        "size": digits.SIZE,
        "correct": correct,
        "total": total,
        "low": low,
        "high": high,
    }
    tflite = publish(*reusable(model, "logits"), publisher / "classification" / "1.tar.gz")
    (publisher / "classification" / "1.tflite").write_bytes(tflite)
    publish(*reusable(body, "features"), publisher / "feature_vector" / "1.tar.gz")
    (publisher / "classification" / "1.md").write_text(
        DOCS.format(
            kind="classification",
            summary="Which digit is this? Ten scores for an image of a handwritten digit.",
            output="`logits`: float32, (batch, 10), one score a digit; "
            "softmax turns them into probabilities",
            weights=model.count_params(),
            of_what="",
            use="digit = model(images).numpy().argmax(axis=1)",
            **facts,
        )
    )
    (publisher / "feature_vector" / "1.md").write_text(
        DOCS.format(
            kind="feature_vector",
            summary="What does this digit look like? The classifier without its last layer.",
            output="`features`: float32, (batch, 1280), the input of the classifier's last layer",
            weights=body.count_params(),
            of_what=" with the last layer",
            use="features = model(images)",
            **facts,
        )
    )
    for path in sorted(publisher.rglob("1.*")):
        print(f"{path.stat().st_size:>9,} bytes  {path.relative_to(folder)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=tinyhub.EMBEDDED)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    chosen = parser.parse_args()
    main(chosen.folder, chosen.epochs)
