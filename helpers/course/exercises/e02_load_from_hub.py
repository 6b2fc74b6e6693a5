"""The exercises of 02_load_from_hub."""

import hashlib

import numpy as np

from helpers.course.exercises import Exercise, NotAttempted

YAMNET = "https://tfhub.dev/google/yamnet/1"


def _sha1(text):
    return hashlib.sha1(text.encode()).hexdigest()


def _entry_name(name):
    if isinstance(name, bytes):
        return "These are the digest's bytes. A folder is named by hexadecimal digits: use hexdigest()."
    if not isinstance(name, str):
        return f"A folder's name is text. Found: {type(name).__name__}."
    if name == _sha1(YAMNET):
        return None
    if name == _sha1(f"{YAMNET}?tf-hub-format=compressed"):
        return "This hashes the address that is requested. The folder is named by the handle, without the query."
    if name in (_sha1(YAMNET.partition("//")[2]), _sha1("google/yamnet/1")):
        return "Hash the whole handle, from https:// to the version."
    if len(name) != 40:
        return f"A sha1 has 40 hexadecimal digits. Yours has {len(name)} characters."
    return "It is the sha1 of another text. The handle is https://tfhub.dev/google/yamnet/1, letter by letter."


def _eight_inputs(answer, shape):
    one = [size or answer[axis] if axis < len(answer) else size for axis, size in enumerate(shape)][
        1:
    ]
    answer = list(answer)
    if answer == [8, *one]:
        return None
    if answer == one:
        return "This is the shape of one input. The batch dimension is missing in front."
    if None in answer:
        return "None is a dynamic dimension, a size that you choose. Eight inputs: put the 8 there."
    if answer == [*one, 8]:
        return "The batch dimension comes first, not last."
    if answer == [8, one[-1], *one[:-1]]:
        return "Channels come last in TensorFlow. PyTorch is the one that puts them second."
    return f"Each input has the shape {tuple(one)}, and you need eight of them."


def _softmax(softmax):
    small = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 5.0]])
    found = softmax(small)
    if found is ...:
        raise NotAttempted
    found = np.asarray(found)
    if found.shape != small.shape:
        return f"For logits of shape {small.shape} it returned the shape {found.shape}."
    if not np.allclose(found.sum(axis=1), 1):
        if np.allclose(found.sum(axis=0), 1):
            return "The columns sum to 1. Each row should: sum over axis=1."
        if np.isclose(found.sum(), 1):
            return "Everything together sums to 1. Each row should: sum over axis=1, with keepdims=True."
        return f"The first row sums to {found[0].sum():.3g}, not to 1."
    if not np.allclose(found, np.exp(small) / np.exp(small).sum(axis=1, keepdims=True)):
        return "The rows sum to 1, but the probabilities are wrong. Take exp of each logit before you divide."
    with np.errstate(over="ignore", invalid="ignore"):
        large = np.asarray(softmax(np.array([[1000.0, 999.0]])))
    if not np.isfinite(large).all():
        return "Right for small logits. For 1000 it gives nan: exp overflows. Subtract each row's highest logit first."
    return None


def _prepare(prepare):
    photo = np.full((48, 48, 3), 255, np.uint8)
    photo[8:40, 20:28] = 40  # a "one", in ink that is not quite black
    found = prepare(photo)
    if found is ...:
        raise NotAttempted
    found = np.asarray(found)
    if found.shape == (48, 48, 3):
        return "The batch dimension is missing: the model expects (1, 48, 48, 3)."
    if found.shape != (1, 48, 48, 3):
        return f"The model expects the shape (1, 48, 48, 3). Found: {found.shape}."
    if found.max() > 1:
        return f"Values go up to {found.max():.0f}. The page asks for 0 to 1."
    if found.min() < 0:
        return f"Values go down to {found.min():.2g}. The page asks for 0 to 1."
    expected = (255 - photo[None].astype(np.float32)) / 255
    if np.allclose(found, 1 - expected, atol=1e-3):
        return "The paper is still white. The page asks for light strokes on black."
    if not np.allclose(found, expected, atol=1e-3):
        return "The values are not those of the photo, scaled to 0 to 1 and turned light on black."
    if found.dtype != np.float32:
        return (
            f"The values are right, but the dtype is {found.dtype}. The signature asks for float32."
        )
    return None


EXERCISES = [
    Exercise(
        _entry_name,
        "Everyone who loads this handle has a folder of this very name.",
        "hashlib.sha1 takes bytes, so encode the handle first. Then ask for its hexdigest().",
        'entry_name = hashlib.sha1("https://tfhub.dev/google/yamnet/1".encode()).hexdigest()',
        {
            'entry_name = hashlib.sha1(b"https://tfhub.dev/google/yamnet/1?tf-hub-format=compressed").hexdigest()': (
                "without the query"
            ),
            'entry_name = hashlib.sha1(b"google/yamnet/1").hexdigest()': "Hash the whole handle",
            'entry_name = hashlib.sha256(b"https://tfhub.dev/google/yamnet/1").hexdigest()': "Yours has 64 characters",
            'entry_name = hashlib.sha1(b"https://tfhub.dev/google/yamnet/1").digest()': "use hexdigest()",
            'entry_name = hashlib.sha1(b"https://tfhub.dev/google/yamnet/1/").hexdigest()': "letter by letter",
        },
    ),
    Exercise(
        _eight_inputs,
        "The batch dimension comes first, and None became 8.",
        "Take the input's shape from the signature and replace None by the number of inputs.",
        "eight_inputs = (8, *input_spec.shape[1:])",
        {
            "eight_inputs = tuple(input_spec.shape[1:])": "The batch dimension is missing",
            "eight_inputs = tuple(input_spec.shape)": "None is a dynamic dimension",
            "eight_inputs = (*input_spec.shape[1:], 8)": "comes first, not last",
            "eight_inputs = (8, input_spec.shape[-1], *input_spec.shape[1:-1])": "Channels come last",
        },
    ),
    Exercise(
        _softmax,
        "Subtracting the highest logit changes no probability, and exp never sees a large number.",
        "np.exp and a division by logits.sum(axis=1, keepdims=True) of the exps. Before that, subtract each row's maximum.",
        """def softmax(logits):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)""",
        {
            "def softmax(logits):\n    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)": (
                "exp overflows"
            ),
            "def softmax(logits):\n    return np.exp(logits) / np.exp(logits).sum()": "Everything together sums to 1",
            "def softmax(logits):\n    return np.exp(logits) / np.exp(logits).sum(axis=0)": "The columns sum to 1",
            "def softmax(logits):\n    return logits / logits.sum(axis=1, keepdims=True)": "Take exp of each logit",
        },
    ),
    Exercise(
        _prepare,
        "Batch dimension, dtype, range and direction: the whole contract in one line.",
        "photo[None] adds the batch dimension, 255 - photo turns it light on black, float32 and / 255 do the rest.",
        """def prepare(photo):
    return (255 - photo[None]).astype(np.float32) / 255""",
        {
            "def prepare(photo):\n    return (255 - photo).astype(np.float32) / 255": "batch dimension is missing",
            "def prepare(photo):\n    return photo[None].astype(np.float32) / 255": "The paper is still white",
            "def prepare(photo):\n    return (255 - photo[None]).astype(np.float32)": "Values go up to 215",
            "def prepare(photo):\n    return 1 - photo[None] / 255": "the dtype is float64",
            "def prepare(photo):\n    return 1 - photo[None].astype(np.float32) / 127.5": "Values go down to -1",
        },
    ),
]
