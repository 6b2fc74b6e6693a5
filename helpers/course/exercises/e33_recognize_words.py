"""The exercises of 33_recognize_words, and the synthetic voice that says its words."""

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown

WORDS = ("ai", "ia", "au", "ua", "iu", "ui")
RATE = 8000  # samples a second
# Formants in Hz: where the mouth lets a voice's harmonics through.
VOWELS = {"a": (800, 1200), "i": (300, 2300), "u": (320, 800)}


def say(word: str, random: np.random.Generator, seconds: float = 1.0) -> np.ndarray:
    """Return a word as float32 samples in -1..1: a synthetic voice glides between its two vowels.

    Pitch, tempo, loudness, the moment and the noise behind it are random.
    """
    time = np.arange(round(seconds * RATE)) / RATE
    length = random.uniform(0.4, 0.6)
    start = random.uniform(0.1, seconds - length - 0.1)
    place = np.clip((time - start) / length, 0, 1)  # 0 before the word, 1 after it
    pitch = random.uniform(90, 220) * (1 + random.uniform(-0.2, 0.2) * place)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    glide = 1 / (1 + np.exp(-(place - random.uniform(0.4, 0.6)) * 12))
    size = random.uniform(0.9, 1.1)  # of the speaker: all formants scale with it
    first, second = (np.array(VOWELS[vowel]) * size for vowel in word)
    voice = np.zeros_like(time)
    for number in range(1, 30):
        frequency = number * pitch
        for low, high in zip(first, second, strict=True):
            formant = low + (high - low) * glide
            voice += np.sin(number * phase) / (1 + ((frequency - formant) / 90) ** 2)
    voice *= np.sin(np.pi * place) ** 0.5
    voice *= random.uniform(0.1, 0.6) / np.abs(voice).max()
    noise = random.normal(0, 10 ** random.uniform(-3, -0.6), len(time))
    return np.clip(voice + noise, -1, 1).astype(np.float32)


def say_many(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` sounds (count, 8000) of random words, and their labels (count,)."""
    random = np.random.default_rng(seed)
    labels = random.integers(len(WORDS), size=count)
    return np.stack([say(WORDS[label], random) for label in labels]), labels


def _array(answer):
    """Return an answer as an array; raise Wrong if it isn't one, or not of numbers."""
    try:
        array = np.asarray(answer)
    except ValueError:
        raise Wrong("The frames have different lengths. Keep whole frames only.") from None
    if array.dtype.kind not in "fiu":
        raise Wrong(f"Return an array of numbers. Found: {shown(answer)}.")
    return array


def _cut(cut):
    random = np.random.default_rng(33)
    for length, size, step in ((48, 8, 4), (1000, 256, 128), (45, 10, 3), (12, 12, 5), (31, 5, 9)):
        sound = random.normal(size=length).astype(np.float32)
        answer = _array(ask(cut, sound.copy(), size, step))
        starts = range(0, length - size + 1, step)
        right = np.stack([sound[start : start + size] for start in starts])
        if answer.shape == right.shape and np.array_equal(answer, right):
            continue
        asked = f"For {length} samples, size {size} and step {step}"
        if answer.shape == right.T.shape and np.array_equal(answer, right.T):
            return "Each frame should be a row: (frames, size), not (size, frames)."
        if answer.shape == right.shape:
            return (
                f"{asked} the shape is right, but not the samples: begin at 0, step, 2 * step ..., "
                "and leave them as they are."
            )
        if answer.shape == right[1:].shape and np.array_equal(answer, right[1:]):
            return f"{asked} the first frame is missing: it begins at 0."
        if answer.ndim == 2 and answer.shape[1] == size and len(answer) == len(right) - 1:
            return f"{asked} the last frame is missing: it ends where the sound ends, or before."
        if answer.ndim == 2 and answer.shape[1] == size and len(answer) == length // size:
            return f"{asked} the frames don't overlap as they should. Found: {len(answer)} frames."
        return f"{asked} the shape should be {right.shape}. Found: {answer.shape}."
    return None


def _prepare(prepare):
    random = np.random.default_rng(8000)
    for shape in ((8000,), (9500,), (3000,), (8000, 2), (5001, 2), (12000, 2), (1,), (2, 2)):
        recorded = random.integers(-32768, 32768, shape).astype(np.int16)
        recorded[0] = 32767  # two of these overflow 16 bits
        answer = ask(prepare, recorded.copy())
        if hasattr(answer, "numpy"):
            answer = answer.numpy()
        if not isinstance(answer, np.ndarray):
            raise Wrong(f"Return an array. Found: {shown(answer)}.")
        asked = f"For {shape} integers"
        if answer.shape != (1, RATE):
            return f"{asked} the shape should be (1, {RATE}). Found: {answer.shape}."
        if answer.dtype != np.float32:
            return f"{asked} the dtype should be float32. Found: {answer.dtype}."
        mono = recorded.astype(np.float64) / 32768
        whole = mono.mean(1) if mono.ndim == 2 else mono
        mono = whole[:RATE]
        right = np.pad(mono, (0, RATE - len(mono)))
        if np.abs(answer[0] - right).max() < 1e-6:
            continue
        if len(whole) > RATE and np.abs(answer[0] - whole[-RATE:]).max() < 1e-6:
            return f"{asked} it loses the beginning. A long sound should lose its end."
        if np.abs(answer).max() > 2.5:
            return f"{asked} there's a value of {np.abs(answer).max():.0f}. Divide by 32768."
        if len(mono) < RATE and np.abs(answer[0] - right[::-1]).max() > 1e-6 and answer[0, -1]:
            return f"{asked} the zeros should come after the sound."
        if np.abs(answer[0] - right).max() < 1e-3:
            return f"{asked} it's nearly right. Divide by 32768, not by another number."
        for number in (65535, 65536):
            if np.abs(answer[0] * number / 32768 - right).max() < 1e-6:
                return f"{asked} the sound is too soft. Divide by 32768, not by {number}."
        if recorded.ndim == 2:
            return (
                f"{asked}, stereo, the values are off. Take the mean of the two channels, in floats: "
                "a sum of two int16 may overflow."
            )
        return f"{asked} the values are off by up to {np.abs(answer[0] - right).max():.3g}."
    return None


EXERCISES = [
    Exercise(
        _cut,
        "With a window and np.fft.rfft, you'd have the spectrum.",
        "The frames begin at 0, step, 2 * step and so on, up to len(sound) - size. np.stack makes "
        "one array of a list of slices.",
        "def cut(sound, size, step):\n"
        "    starts = range(0, len(sound) - size + 1, step)\n"
        "    return np.stack([sound[start : start + size] for start in starts])",
        wrong={
            "def cut(sound, size, step):\n"
            "    starts = range(0, len(sound) - size, step)\n"
            "    return np.stack([sound[start : start + size] for start in starts])": "is missing",
            "def cut(sound, size, step):\n"
            "    return [sound[s : s + size] for s in range(0, len(sound), step)]": "whole frames",
            "def cut(sound, size, step):\n"
            "    starts = range(step, len(sound) - size + 1, step)\n"
            "    return np.stack([sound[s : s + size] for s in starts])": "the first frame is missing",
            "def cut(sound, size, step):\n"
            "    starts = range(0, len(sound) - size + 1, step)\n"
            "    return np.stack([sound[s : s + size] * np.hanning(size) for s in starts])": (
                "leave them as they are"
            ),
            "def cut(sound, size, step):\n"
            "    return sound[: len(sound) // size * size].reshape(-1, size)": "don't overlap",
            "def cut(sound, size, step):\n"
            "    starts = range(0, len(sound) - size + 1, step)\n"
            "    return np.stack([sound[s : s + size] for s in starts], axis=1)": "be a row",
            "def cut(sound, size, step):\n"
            "    starts = range(0, len(sound) - 255, 128)\n"
            "    return np.stack([sound[s : s + 256] for s in starts])": "stopped with",
            "def cut(sound, size, step):\n"
            "    return tf.signal.frame(sound, size, step, pad_end=True)": "the shape should be",
            "def cut(sound, size, step):\n"
            "    frames = [sound[s : s + size] for s in range(0, len(sound), step)]": "returns nothing",
        },
        right_codes=(
            "def cut(sound, size, step):\n"
            "    return np.lib.stride_tricks.sliding_window_view(sound, size)[::step]",
            "def cut(sound, size, step):\n    return tf.signal.frame(sound, size, step)",
        ),
    ),
    Exercise(
        _prepare,
        "That's all the code that stands between a microphone and the file.",
        "Convert to float32 first, then divide. recorded.ndim tells stereo from mono, and np.pad "
        "adds the zeros.",
        "def prepare(recorded):\n"
        "    sound = recorded.astype(np.float32) / 32768\n"
        "    if sound.ndim == 2:\n"
        "        sound = sound.mean(axis=1)\n"
        "    ready = np.zeros((1, 8000), np.float32)\n"
        "    ready[0, : len(sound)] = sound[:8000]\n"
        "    return ready",
        wrong={
            "def prepare(recorded):\n"
            "    sound = recorded.astype(np.float32)[:8000]\n"
            "    return np.pad(sound, (0, 8000 - len(sound)))[None]": "Divide by 32768",
            "def prepare(recorded):\n"
            "    sound = recorded[:8000] / 32768\n"
            "    return np.pad(sound, (0, 8000 - len(sound)))[None]": "should be float32",
            "def prepare(recorded):\n"
            "    sound = recorded.astype(np.float32)[:8000] / 32768\n"
            "    return np.pad(sound, (0, 8000 - len(sound)))": "the shape should be",
            "def prepare(recorded):\n"
            "    sound = recorded.astype(np.float32)[:8000] / 32768\n"
            "    return np.pad(sound, (8000 - len(sound), 0))[None]": "after the sound",
            "def prepare(recorded):\n"
            "    sound = recorded\n"
            "    if sound.ndim == 2:\n"
            "        sound = (sound[:, 0] + sound[:, 1]) // 2\n"
            "    sound = sound.astype(np.float32)[:8000] / 32768\n"
            "    return np.pad(sound, (0, 8000 - len(sound)))[None]": "overflow",
            "def prepare(recorded):\n"
            "    sound = recorded.astype(np.float32) / 32768\n"
            "    if sound.ndim == 2:\n"
            "        sound = sound[:, 0]\n"
            "    sound = sound[:8000]\n"
            "    return np.pad(sound, (0, 8000 - len(sound)))[None]": "mean of the two",
            "def prepare(recorded):\n"
            "    sound = recorded.astype(np.float32)[:8000] / 32767\n"
            "    return np.pad(sound, (0, 8000 - len(sound)))[None]": "nearly right",
            "def prepare(recorded):\n"
            "    return recorded.astype(np.float32)[None, :8000] / 32768": "the shape should be",
            "def prepare(recorded):\n"
            "    sound = recorded.astype(np.float32)[-8000:] / 32768\n"
            "    return np.pad(sound, (0, 8000 - len(sound)))[None]": "it loses the beginning",
            "def prepare(recorded):\n"
            "    sound = recorded.astype(np.float32)[:8000] / 65536\n"
            "    return np.pad(sound, (0, 8000 - len(sound)))[None]": "too soft",
        },
        right_codes=(
            "def prepare(recorded):\n"
            "    channels = recorded.reshape(len(recorded), -1)[:8000]\n"
            "    sound = channels.mean(axis=1) / 32768\n"
            "    return np.pad(sound, (0, 8000 - len(sound)))[None].astype(np.float32)",
        ),
    ),
]
