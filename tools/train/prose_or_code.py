"""Train the embedded text model and publish it under `hub/`: is this line prose or code?

Its text is the standard library of the Python that runs it: sentences of docstrings against
statements. Files, not lines, are held out, and the held-out lines travel inside the archive as an
asset, so that every Python evaluates the same ones.
"""

import ast
import hashlib
import inspect
import os
import random
import re
import sys
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

from tools.train import publish

HANDLE = "text/prose_or_code/classification"
SEED, EPOCHS, BATCH = 0, 12, 64
WORDS, LENGTH, WIDTH = 3000, 24, 16  # known words, words read of a line, numbers for a word
EACH, HELD_OUT = 6000, 200  # lines of each label: to train on, to hold out
LABELS = ["prose", "code"]
NOT_READ = {"test", "tests", "idlelib", "lib2to3", "turtledemo", "config", "pydoc_data"}
NOT_READ |= {"site-packages", "dist-packages"}


def sentences(tree):
    """Yield the sentences of a module's docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            for paragraph in inspect.cleandoc(ast.get_docstring(node) or "").split("\n\n"):
                if not re.search(r">>>|^\s|^[-=*]{3}", paragraph, re.MULTILINE):
                    yield from re.split(r"(?<=[.!?:]) (?=[A-Z])", " ".join(paragraph.split()))


def statements(tree, source):
    """Yield the statements of one line, as they are written, and the first lines of others."""
    lines = source.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            line = lines[node.lineno - 1]
            if node.end_lineno == node.lineno:
                # Without a comment behind it.
                line = line.encode()[node.col_offset : node.end_col_offset].decode()
            if node.end_lineno == node.lineno or (line.endswith(":") and "#" not in line):
                yield line.strip()


def corpus():
    """Return ((lines, labels) to train on, (lines, labels) held out), lists in a fixed order."""
    root = Path(sysconfig.get_path("stdlib"))
    found = {(held, label): set() for held in (False, True) for label in (0, 1)}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if NOT_READ & set(name.parts) or name.parts[0].startswith("config-"):
            continue
        try:
            source = path.read_text(encoding="utf-8")
            tree = ast.parse(source)
        except (SyntaxError, UnicodeDecodeError):
            continue
        held = hashlib.sha256(name.as_posix().encode()).digest()[0] < 40  # about one file in six
        found[held, 0].update(sentences(tree))
        found[held, 1].update(statements(tree, source))
    sets = []
    for held, count in ((False, EACH), (True, HELD_OUT)):
        pairs = []
        for label in (0, 1):
            seen = found[False, 0] | found[False, 1] if held else found[True, 1 - label]
            fit = [line for line in sorted(found[held, label] - seen) if _fits(line)]
            chosen = random.Random(SEED).sample(fit, min(count, len(fit)))
            pairs += [(line, label) for line in chosen]
        random.Random(SEED).shuffle(pairs)
        sets.append(tuple(zip(*pairs)))
    return sets


def _fits(line):
    plain = re.fullmatch("[ -~]{10,100}", line)  # from the space on, all that is printable ASCII
    return plain and len(re.findall("[A-Za-z]+", line)) >= 3


def words_of(text):
    """Return text (n,) as lower-case words (n, LENGTH), string, "[end]" after a line's end."""
    spaced = tf.strings.regex_replace(tf.strings.lower(text), r"([^\w\s])", r" \1 ")
    return tf.strings.split(spaced).to_tensor("[end]", shape=[None, LENGTH])


class ProseOrCode(tf.train.Checkpoint):
    """The model: words, their ids, the mean of their embeddings, one layer."""

    def __init__(self, vocabulary):
        super().__init__()
        self.vocabulary = tf.saved_model.Asset(vocabulary)
        # The id is the line in the file: 0 for "[end]", 1 for every unknown word.
        index = tf.lookup.TextFileIndex
        kinds = tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
        file = tf.lookup.TextFileInitializer(vocabulary, *kinds)
        self.table = tf.lookup.StaticHashTable(file, default_value=1)
        numbers = tf.random.uniform([WORDS, WIDTH], -0.05, 0.05, seed=SEED)
        self.embedding = tf.Variable(numbers, name="embedding")
        numbers = tf.random.uniform([WIDTH, 2], -0.5, 0.5, seed=SEED + 1)
        self.kernel = tf.Variable(numbers, name="kernel")
        self.bias = tf.Variable(tf.zeros([2]), name="bias")
        self.variables = self.trainable_variables = [self.embedding, self.kernel, self.bias]
        self.regularization_losses = []

    def ids(self, text):
        """Return int64 (n, LENGTH), 0 after a line's end."""
        return self.table.lookup(words_of(text))

    def scores(self, ids):
        """Return logits, float32 (n, 2)."""
        known = tf.cast(ids > 0, tf.float32)[..., None]
        total = tf.reduce_sum(tf.gather(self.embedding, ids) * known, 1)
        # An empty line has no words: its mean is 0, not 0 / 0.
        mean = total / tf.maximum(tf.reduce_sum(known, 1), 1.0)
        return mean @ self.kernel + self.bias


def train(model, lines, labels):
    """Train `model` on lines and their labels."""
    ids, labels = model.ids(tf.constant(lines)), tf.constant(labels)
    optimizer = tf_keras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            scores = model.scores(tf.gather(ids, batch))
            cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
            loss = tf.reduce_mean(cross_entropy(tf.gather(labels, batch), scores))
        gradients = tape.gradient(loss, model.trainable_variables)
        # A sum in one order, not a scatter in any.
        gradients[0] = tf.convert_to_tensor(gradients[0])
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

    order = np.random.default_rng(SEED)
    for _ in range(EPOCHS):
        for batch in np.split(order.permutation(len(labels)), range(BATCH, len(labels), BATCH)):
            step(tf.constant(batch))


def main() -> None:
    """Train, print the accuracy, write the archive and the page."""
    tf_keras.utils.set_random_seed(SEED)
    (lines, labels), (held_lines, held_labels) = corpus()
    counts = Counter(word for row in words_of(tf.constant(lines)).numpy() for word in row.tolist())
    del counts[b"[end]"]
    known = sorted(counts, key=lambda word: (-counts[word], word))[: WORDS - 2]
    held_out = [f"{LABELS[label]}\t{line}" for line, label in zip(held_lines, held_labels)]
    with tempfile.TemporaryDirectory() as work:
        # The table is named after its file: a bare name is the same on every run.
        os.chdir(work)
        rows = ["[end]", "[unknown]", *(word.decode() for word in known)]
        model = ProseOrCode(publish.write_lines("vocabulary.txt", rows))
        train(model, lines, labels)
        logits = model.scores(model.ids(tf.constant(held_lines))).numpy()
        facts = publish.evaluate(logits, np.array(held_labels))
        text = tf.TensorSpec([None], tf.string, name="text")
        model.__call__ = tf.function(
            lambda text: model.scores(model.ids(text)), [text], autograph=False
        )
        signature = tf.function(
            lambda text: {"logits": model.__call__(text)}, [text], autograph=False
        )
        assets = {"labels": LABELS, "held_out": held_out}
        publish.save(model, {"serving_default": signature}, HANDLE, **assets)
        os.chdir(publish.archive(HANDLE).parent)  # the temporary folder goes
    facts |= {"length": LENGTH, "words": WORDS - 2, "width": WIDTH, "train": len(lines)}
    facts["weights"] = sum(int(tf.size(one)) for one in model.variables)
    facts["python"] = f"3.{sys.version_info[1]}"
    publish.write_page("prose_or_code.md.j2", HANDLE, **facts)


if __name__ == "__main__":
    main()
