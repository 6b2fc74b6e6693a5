"""Train the detector of digits and publish it under `hub/`: raw boxes and scores, unsorted.

A convolutional net looks at each of 16 x 16 places of a scene, and says how far the edges of a
digit are from there, and which digit it is. So one digit gets many boxes: to keep one of them is
what the lesson is about. The recipe is that of FCOS (https://arxiv.org/abs/1904.01355), without its
pyramid.
"""

import keras
import numpy as np
import tensorflow as tf

from helpers.course.exercises.e32_detect_objects import SIDE, scenes
from tools.train import publish

HANDLE = "objects/digits"
SEED, EPOCHS, BATCH, SCENES = 0, 20, 32, 6000
STRIDE, CLASSES, REACH = 4, 10, 0.5  # an edge is at most half a scene away
LABELS = [str(digit) for digit in range(CLASSES)]
steps = np.arange(STRIDE / 2, SIDE, STRIDE, dtype=np.float32) / SIDE
CENTRES = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)


def build():
    """Return the untrained net: scenes to (batch, places, 4 distances + 10 logits)."""
    layers = keras.layers
    net = keras.Sequential([keras.Input((SIDE, SIDE, 1))])
    for filters, stride in ((16, 2), (32, 2), (32, 1), (48, 1), (48, 1), (48, 1)):
        net.add(layers.Conv2D(filters, 3, stride, padding="same", use_bias=False))
        net.add(layers.BatchNormalization(momentum=0.9))
        net.add(layers.ReLU())
    # At first every place says "nothing here", with a probability of 0.01: as most of them should.
    first = keras.initializers.Constant([0.0] * 4 + [-4.6] * CLASSES)
    net.add(layers.Conv2D(4 + CLASSES, 1, bias_initializer=first))
    net.add(layers.Reshape((len(CENTRES), 4 + CLASSES)))
    return net


def decode(raw):
    """Return (boxes, scores) of the net's output: edges as fractions, probabilities."""
    away = REACH * tf.sigmoid(raw[..., :4])
    boxes = tf.concat([CENTRES - away[..., :2], CENTRES + away[..., 2:]], axis=-1)
    return tf.clip_by_value(boxes, 0.0, 1.0), tf.sigmoid(raw[..., 4:])


def targets(boxes, labels):
    """Return (scenes, places, 4 + 10): for places near a digit's centre its box and digit."""
    wanted = np.zeros((len(boxes), len(CENTRES), 4 + CLASSES), np.float32)
    for scene, (mine, names) in enumerate(zip(boxes, labels, strict=True)):
        for box, name in zip(mine, names, strict=True):
            middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
            inside = (np.abs(CENTRES - middle) < np.maximum(0.6 * half, STRIDE / 2 / SIDE)).all(1)
            wanted[scene, inside] = np.concatenate([box, np.eye(CLASSES)[name]])
    return wanted


def loss(wanted, raw):
    """Return the focal loss of the scores plus the error of the boxes around digits."""
    boxes, _ = decode(raw)
    real, logits = wanted[..., 4:], raw[..., 4:]
    cross = tf.nn.sigmoid_cross_entropy_with_logits(real, logits)
    right = real * tf.sigmoid(logits) + (1 - real) * (1 - tf.sigmoid(logits))
    focal = (0.25 * real + 0.75 * (1 - real)) * (1 - right) ** 2 * cross
    some = tf.reduce_sum(real, axis=-1)
    apart = tf.reduce_sum(tf.abs(boxes - wanted[..., :4]), axis=-1) * some
    return (tf.reduce_sum(focal) + 2 * tf.reduce_sum(apart)) / tf.reduce_sum(some)


def found(boxes, scores, true_boxes, true_labels):
    """Return how many digits have a box of their own class, with an IoU of at least 0.5.

    And how many boxes there are in all, after non-maximum suppression.
    """
    hits = kept = 0
    best = tf.image.combined_non_max_suppression(
        boxes[:, :, None], scores, 8, 8, iou_threshold=0.5, score_threshold=0.5
    )
    for row, count in enumerate(best.valid_detections.numpy()):
        kept += count
        given, names = best.nmsed_boxes[row, :count].numpy(), best.nmsed_classes[row, :count]
        for box, label in zip(true_boxes[row], true_labels[row], strict=True):
            low, high = np.maximum(box[:2], given[:, :2]), np.minimum(box[2:], given[:, 2:])
            shared = np.prod(np.maximum(high - low, 0), axis=1)
            areas = np.prod(given[:, 2:] - given[:, :2], axis=1) + np.prod(box[2:] - box[:2])
            hits += bool(np.any((shared / (areas - shared) >= 0.5) & (names.numpy() == label)))
    return hits, int(kept)


def main() -> None:
    """Train, count the digits found, write the archive and the page."""
    keras.utils.set_random_seed(SEED)
    net = build()
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * (SCENES // BATCH))
    net.compile(keras.optimizers.Adam(schedule), loss)
    images, *truth = scenes(SCENES, split="train", seed=SEED)
    data = tf.data.Dataset.from_tensor_slices((images, targets(*truth)))
    net.fit(data.shuffle(SCENES, SEED).batch(BATCH, drop_remainder=True), epochs=EPOCHS, verbose=2)

    exported = tf.train.Checkpoint()
    exported.variables = [one.value for one in net.variables]

    @tf.function(input_signature=[tf.TensorSpec([None, SIDE, SIDE, 1], tf.float32, "images")])
    def call(images):
        boxes, scores = decode(net(images, training=False))
        return {"boxes": boxes, "scores": scores}

    exported.__call__ = call
    images, *truth = scenes(500, seed=1)
    given = call(images)
    hits, kept = found(given["boxes"], given["scores"], *truth)
    total = sum(map(len, truth[1]))
    print(f"found {hits} of {total} digits, with {kept} boxes")
    publish.save(exported, {"serving_default": call}, HANDLE, labels=LABELS)
    facts = {"weights": net.count_params(), "hits": hits, "total": total, "kept": kept}
    publish.write_page("detector.md.j2", HANDLE, side=SIDE, **facts)


if __name__ == "__main__":
    main()
