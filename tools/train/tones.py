"""Train the spotter of synthetic words and publish it under `hub/`: from samples to scores.

The spectrogram is part of the model (tf.signal), and any length of sound will do. `network`, a
function beside the signature, is the part behind the spectrogram.
"""

import keras
import tensorflow as tf

from helpers.course.exercises.e33_recognize_words import RATE, WORDS, say_many
from tools.train import publish

HANDLE = "sound/tones"
SEED, EPOCHS, BATCH, SOUNDS = 0, 12, 64, 4000
FRAME, STEP, BANDS = 256, 128, 32


class Spotter(tf.Module):
    """From sounds (batch, samples) to logits (batch, words)."""

    def __init__(self, net):
        super().__init__()
        # TensorFlow's own variables: those of Keras 3 would stay variables in a .tflite, unset.
        self.kept = [variable.value for variable in net.variables]
        self.net = lambda spectrogram: net(spectrogram, training=False)
        self.mel = tf.signal.linear_to_mel_weight_matrix(BANDS, FRAME // 2 + 1, RATE, 80, 3800)

    @tf.function(input_signature=[tf.TensorSpec([None, None], name="sound")])
    def __call__(self, sound):
        return {"scores": self.network(self.spectrogram(sound))}

    @tf.function(input_signature=[tf.TensorSpec([None, None, BANDS], name="spectrogram")])
    def network(self, spectrogram):
        return self.net(spectrogram)

    @tf.function(input_signature=[tf.TensorSpec([None, None], name="sound")])
    def spectrogram(self, sound):
        spectrum = tf.abs(tf.signal.stft(sound, FRAME, STEP, pad_end=True))
        return tf.math.log(spectrum @ self.mel + 0.01)


def build():
    """Return the untrained network behind the spectrogram, for any number of frames."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, BANDS)),
            layers.Conv1D(24, 5, strides=2, padding="same", activation="relu"),
            layers.Conv1D(24, 5, strides=2, padding="same", activation="relu"),
            layers.Conv1D(32, 5, padding="same", activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.2),
            layers.Dense(len(WORDS)),
        ]
    )


def main() -> None:
    """Train, print the accuracy, write the archive and the page."""
    keras.utils.set_random_seed(SEED)
    net = build()
    spotter = Spotter(net)
    sounds, labels = say_many(SOUNDS, SEED)
    seen = spotter.spectrogram(sounds).numpy()
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * (SOUNDS // BATCH))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(schedule), loss)
    net.fit(seen, labels, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    sounds, labels = say_many(600, SEED + 1)
    facts = publish.evaluate(spotter(sounds)["scores"].numpy(), labels)
    publish.save(spotter, {"serving_default": spotter.__call__}, HANDLE, labels=list(WORDS))
    publish.write_page("tones.md.j2", HANDLE, weights=net.count_params(), **facts)


if __name__ == "__main__":
    main()
