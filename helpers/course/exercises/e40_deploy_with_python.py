"""The exercises of 40_deploy_with_python."""

import io
import zipfile

import numpy as np

from helpers import tinyhub
from helpers.course.exercises import Exercise, Wrong, ask, shown, wanted

WORDS = ["zwölf", "cat", "ice cream", "7", "Über", "owl", "ant", "new york", "née", "dog"]


def _labels_of(labels_of):
    content = (tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite").read_bytes()
    rng = np.random.default_rng(40)
    cases = [[str(word) for word in rng.permutation(WORDS)] for _ in range(3)]
    for labels in [*cases, None]:
        packed = io.BytesIO(content)
        with zipfile.ZipFile(packed, "a") as archive:  # behind the model, as metadata is packed
            if labels:
                archive.writestr("labels.txt", "".join(f"{label}\n" for label in labels))
            archive.writestr("contract.json", '{"range": [0, 1]}')
        packed = packed.getvalue()
        answer = ask(labels_of, packed, returns=(list, tuple))
        found = "a file whose archive has a contract and no labels"
        _compare(answer, labels or [], f"a file with the labels {labels}" if labels else found)
    _compare(ask(labels_of, content, returns=(list, tuple)), [], "a file without an archive")


def _compare(answer, labels, found):
    answer = list(answer)
    if answer == labels:
        return
    if not labels:
        raise Wrong(f"For {found} the list should be empty. Found: {answer[:3]}.")
    if any(isinstance(word, bytes) for word in answer):
        raise Wrong("The labels are bytes, such as b'cat'. Decode them: .decode().")
    if [str(word).strip() for word in answer if str(word).strip()] == labels:
        extra = "has an empty label" if "" in answer else "keeps line breaks"
        raise Wrong(f"The list {extra}. text.splitlines() gives the lines alone.")
    if answer == " ".join(labels).split():
        raise Wrong("A label can hold a space: 'ice cream' became two. One line is one label.")
    if sorted(map(str, answer)) == sorted(labels):
        raise Wrong("The labels are all there, in another order. Keep the file's order.")
    if len(answer) == len(labels) and set(answer) & set(labels):
        label, got = next(pair for pair in zip(labels, answer) if pair[0] != pair[1])
        utf8 = str(got).lower() != label.lower() and not label.isascii()
        fault = f"The label {label!r} came out as {got!r}."
        raise Wrong(f"{fault} labels.txt is UTF-8." if utf8 else fault)
    raise Wrong(f"It should hold the labels of {found}. Found: {answer[:12]}.")


def _label_or_not(label_or_not):
    rng = np.random.default_rng(41)
    names = ["ant", "bee", "cat", "dog", "elk"]
    cases = [(rng.normal(0, 3, 5), float(least)) for least in (0.3, 0.5, 0.7, 0.9) * 5]
    cases += [([-40.0, 40.0, -40.0, -40.0, -40.0], 1.0), ([800.0, 790.0, 1.0, 2.0, 3.0], 0.9)]
    cases += [([-900.0, -905.0, -910.0, -915.0, -903.0], 0.9), ([0.9, 0.1, 0.2, 0.1, 0.3], 0.6)]
    for scores, least in cases:
        scores = np.float32(scores)
        powers = np.exp(scores.astype(float) - scores.max())
        chance = (powers / powers.sum()).max()
        label = names[int(scores.argmax())]
        answer = ask(label_or_not, scores.copy(), list(names), least)
        if isinstance(answer, np.ndarray) and not answer.shape:  # as np.where returns it
            answer = answer.item()
        right = label if chance >= least else "not sure"
        if wanted(answer, str) == right:
            continue
        given = f"For the scores {[round(float(score), 2) for score in scores]} and least = {least}"
        if answer == "not sure" and chance == least:
            raise Wrong(f"{given} the probability is exactly {least}: at least means >=.")
        if answer == "not sure" and np.abs(scores).max() > 88:
            reason = "np.exp is too large or too small for a float there"
            raise Wrong(f"{given} it says 'not sure': {reason}. Subtract the largest score first.")
        if answer in names and answer != label:
            raise Wrong(f"{given} it says {answer!r}, and the largest is that of {label!r}.")
        if answer not in (*names, "not sure"):
            raise Wrong(f"{given} it returned {shown(answer)}: neither a label nor 'not sure'.")
        raise Wrong(f"{given} it says {answer!r}. Softmax gives {label!r} {chance:.3f}: {right!r}.")


EXERCISES = [
    Exercise(
        _labels_of,
        "A zip archive is read from its end, so the model in front doesn't disturb it.",
        "zipfile.ZipFile takes a file or io.BytesIO(content), and zipfile.is_zipfile says whether "
        'there is an archive at all. "labels.txt" may be missing from archive.namelist().',
        "import io\nimport zipfile\n\n\n"
        "def labels_of(content):\n"
        "    if not zipfile.is_zipfile(io.BytesIO(content)):\n"
        "        return []\n"
        "    archive = zipfile.ZipFile(io.BytesIO(content))\n"
        '    if "labels.txt" not in archive.namelist():\n'
        "        return []\n"
        '    return archive.read("labels.txt").decode().splitlines()',
        {
            "import io, zipfile\n\n\ndef labels_of(content):\n"
            '    return zipfile.ZipFile(io.BytesIO(content)).read("labels.txt").decode().splitlines()': "stopped with KeyError",
            "import io, zipfile\n\n\ndef labels_of(content):\n"
            '    return zipfile.ZipFile(io.BytesIO(content)).read("labels.txt").splitlines()': "are bytes",
            "import io, zipfile\n\n\ndef labels_of(content):\n"
            '    return zipfile.ZipFile(io.BytesIO(content)).read("labels.txt").decode().split("\\n")': "has an empty label",
            "import io, zipfile\n\n\ndef labels_of(content):\n"
            '    return zipfile.ZipFile(io.BytesIO(content)).read("labels.txt").decode().split()': "became two",
            "import io, zipfile\n\n\ndef labels_of(content):\n"
            '    return sorted(zipfile.ZipFile(io.BytesIO(content)).read("labels.txt").decode().splitlines())': "in another order",
            "import io, zipfile\n\n\ndef labels_of(content):\n"
            '    return zipfile.ZipFile(io.BytesIO(content)).read("labels.txt").decode("latin1").splitlines()': "is UTF-8",
            "import io, zipfile\n\n\ndef labels_of(content):\n"
            '    return zipfile.ZipFile(io.BytesIO(content)).read("labels.txt").decode().lower().splitlines()': "came out as 'über'.",
            "import io, zipfile\n\n\ndef labels_of(content):\n"
            "    archive = zipfile.ZipFile(io.BytesIO(content))\n"
            "    return archive.read(archive.namelist()[0]).decode().splitlines()": "should be empty",
            "def labels_of(content):\n    return names": "should hold the labels",
        },
        right_codes=(
            "import io\nimport zipfile\n\n\n"
            "def labels_of(content):\n"
            "    try:\n"
            "        with zipfile.ZipFile(io.BytesIO(content)) as archive:\n"
            '            text = str(archive.read("labels.txt"), "utf-8")\n'
            "    except (zipfile.BadZipFile, KeyError):\n"
            "        return []\n"
            '    return [line for line in text.split("\\n") if line]',
        ),
    ),
    Exercise(
        _label_or_not,
        "Softmax compares the classes with each other, so a high value still isn't a proof.",
        "softmax: np.exp(scores) divided by its sum. It doesn't change if you subtract the largest "
        "score first, and then nothing overflows.",
        "def label_or_not(scores, labels, least):\n"
        "    powers = np.exp(scores - scores.max())\n"
        "    chances = powers / powers.sum()\n"
        '    return labels[chances.argmax()] if chances.max() >= least else "not sure"',
        {
            "def label_or_not(scores, labels, least):\n"
            '    return labels[scores.argmax()] if scores.max() >= least else "not sure"': "Softmax gives",
            "def label_or_not(scores, labels, least):\n"
            "    return labels[scores.argmax()]": "Softmax gives",
            "def label_or_not(scores, labels, least):\n"
            "    chances = 1 / (1 + np.exp(-scores))\n"
            '    return labels[chances.argmax()] if chances.max() >= least else "not sure"': "Softmax gives",
            "def label_or_not(scores, labels, least):\n"
            "    chances = np.exp(scores) / np.exp(scores).sum()\n"
            '    return labels[chances.argmax()] if chances.max() >= least else "not sure"': "Subtract the largest",
            "def label_or_not(scores, labels, least):\n"
            "    powers = np.exp(scores - scores.max())\n"
            "    chances = powers / powers.sum()\n"
            '    return labels[chances.argmax()] if chances.max() > least else "not sure"': "at least means >=",
            "def label_or_not(scores, labels, least):\n"
            "    powers = np.exp(scores - scores.max())\n"
            "    chances = powers / powers.sum()\n"
            "    return chances.argmax() if chances.max() >= least else -1": "should be text",
        },
        right_codes=(
            "import math\n\n\n"
            "def label_or_not(scores, labels, least):\n"
            "    best = max(range(len(scores)), key=lambda place: scores[place])\n"
            "    total = sum(math.exp(float(score) - float(scores[best])) for score in scores)\n"
            '    return "not sure" if 1 / total < least else labels[best]',
            "from scipy.special import logsumexp\n\n\n"
            "def label_or_not(scores, labels, least):\n"
            "    chance = np.exp(scores.max() - logsumexp(scores))\n"
            '    return np.where(chance >= least, labels[scores.argmax()], "not sure")',
        ),
    ),
]
