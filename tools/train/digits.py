"""Train the two embedded models and publish them under `hub/`, the way TF Hub published its own.

The recipe has three unusual steps, explained where they are: BatchNorm momentum, whole batches
only, and augmentation straight from 8x8 pixels.

The images in helpers/digits.npz are scikit-learn's load_digits, divided by train_test_split with
test_size=450, random_state=0 and stratify=labels. It isn't installed here: `import tensorflow`
would import it too, and every kernel pay 1 s and 70 MB.
"""

import shutil
import tempfile

import numpy as np
import tensorflow as tf
import tf_keras

from helpers import convert, digits
from tools.train import publish

SEED, EPOCHS, BATCH = 0, 40, 64
LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


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


def train():
    """Return a trained MobileNetV2 whose last layer gives ten logits."""
    tf_keras.utils.set_random_seed(SEED)
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
    data = tf.data.Dataset.range(len(labels)).shuffle(len(labels), seed=SEED)
    data = data.batch(BATCH, drop_remainder=True).map(warp)
    schedule = tf_keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * (len(labels) // BATCH))
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    model.fit(data, epochs=EPOCHS, verbose=2)
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


def publish_tflite(archive):
    """Write the .tflite of an archive's SavedModel beside it."""
    with tempfile.TemporaryDirectory() as work:
        shutil.unpack_archive(archive, work)
        archive.with_name("1.tflite").write_bytes(convert.convert(work, "dynamic range"))


def main() -> None:
    """Train, print the accuracy, and write archives, the published .tflite and the pages."""
    classifier, body = train()
    images, labels = digits.load("test")
    logits = classifier.predict(digits.as_model_input(images), verbose=0)
    facts = publish.evaluate(logits, labels)
    published = {"classification": (classifier, "logits"), "feature_vector": (body, "features")}
    for kind, (model, output) in published.items():
        handle = f"digits/mobilenet_v2/{kind}"
        publish.save(*reusable(model, output), handle, labels=LABELS)
        if kind == "classification":
            publish_tflite(publish.archive(handle))
        facts |= {"kind": kind, "size": digits.SIZE, "weights": model.count_params()}
        publish.write_page("digits.md.j2", handle, **facts)


if __name__ == "__main__":
    main()
