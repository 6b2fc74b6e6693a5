"""What does helpers.interpreter.predict cost over the bare calls? Ratios, from one run, on one thread.

The model is MobileNetV2 1.0 at 224 pixels, with seeded random weights: what a picture costs does not depend on
their values. Each round times every way once on the same pictures, in an order that turns, and divides by the bare
calls of that same round, so that what slows the machine for a second slows both sides of a ratio. The time is the
processor's, for the same reason: on one thread, and with nothing to wait for, it is the time of an idle machine's
clock. "bare, again" says how far to trust the other lines: it compares the bare calls with themselves.

    python -m tools.bench_interpreter [ROUNDS]
"""

import importlib.metadata
import os
import statistics
import sys
import time

import numpy as np

from helpers import artefacts, cache
from helpers.interpreter import load, predict

PICTURES = 8


def model():
    """Return the path of the .tflite, converted only if it is missing."""
    path = cache.folder("tflite") / f"bench_mobilenet_v2_224_{importlib.metadata.version('tensorflow')}.tflite"
    if not path.exists():
        os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_USE_LEGACY_KERAS="1")
        import tensorflow as tf
        import tf_keras

        tf_keras.utils.set_random_seed(0)
        network = tf_keras.applications.MobileNetV2(weights=None)
        artefacts.write(path, tf.lite.TFLiteConverter.from_keras_model(network).convert())
    return path


def bare(interpreter, pictures):
    """Run the three calls and nothing else: what `predict` is measured against."""
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    for picture in pictures:
        interpreter.set_tensor(source, picture)
        interpreter.invoke()
        interpreter.get_tensor(target)


def main(rounds=60):
    """Print one line for each way: the median of its ratios, and the middle half of them."""
    path = model()
    pictures = np.random.default_rng(0).random((PICTURES, 224, 224, 3), np.float32)
    one_by_one = list(pictures[:, None])
    single, named, batched = load(path), load(path), load(path)
    runner = named.get_signature_runner()
    name = next(iter(runner.get_input_details()))
    batched.resize_tensor_input(batched.get_input_details()[0]["index"], pictures.shape)
    batched.allocate_tensors()
    ways = {
        "bare": lambda: bare(single, one_by_one),
        "bare, again": lambda: bare(single, one_by_one),
        "helpers.interpreter.predict": lambda: predict(single, pictures),
        "signature runner": lambda: [runner(**{name: picture}) for picture in one_by_one],
        f"one batch of {PICTURES}": lambda: bare(batched, [pictures]),
    }
    order = list(ways)
    ratios = {way: [] for way in ways}
    for number in range(rounds + 5):
        order.append(order.pop(0))
        seconds = {}
        for way in order:
            start = time.process_time()
            ways[way]()
            seconds[way] = time.process_time() - start
        if number >= 5:  # the first five rounds warm up
            for way in ways:
                ratios[way].append(seconds[way] / seconds["bare"])
    print(f"{PICTURES} pictures of 224 x 224, {rounds} rounds; the time of each way over the bare calls:")
    for way in list(ways)[1:]:
        low, middle, high = statistics.quantiles(ratios[way], n=4)
        print(f"  {way:<28} {middle:.3f}   (middle half: {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
