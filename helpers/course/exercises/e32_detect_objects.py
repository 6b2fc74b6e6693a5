"""The exercises of 32_detect_objects, its scenes, and the check of its handle."""

import numpy as np

from helpers import digits, handles, savedmodel
from helpers.course import needs
from helpers.course.exercises import Exercise, Wrong, ask, shown, wanted

SIDE = 64  # pixels of a scene's sides, where a model leaves them open
MOST = 4  # digits in a scene


def check(handle: str) -> str:
    """Return what handles.check does, if a detector of this lesson's form is behind the handle.

    That is: serving_default, from a batch of images to boxes (batch, candidates, 4) and scores
    (batch, candidates, classes), all float32. Raises HandleError, SavedModelError.
    """
    folder = handles.fetch(full := handles.check(handle))
    signatures, _ = savedmodel.read(folder)
    takes, gives = signatures[name := savedmodel.choose(signatures)]
    specs = [*takes.values(), *gives.values()]
    image = (specs[0].shape or ()) if len(takes) == 1 else ()
    last = sorted(
        (one.shape or "?")[-1] or 0 for one in gives.values() if len(one.shape or ()) == 3
    )
    fits = len(image) == 4 and image[3] in (1, 3) and len(gives) == len(last) == 2 and 4 in last
    if name != "serving_default" or not fits or {one.dtype for one in specs} != {"float32"}:
        found = " to ".join(
            ", ".join(f"{key} {side[key]}" for key in side) for side in (takes, gives)
        )
        what = "This lesson needs a detector: serving_default, from a batch of images to boxes"
        what += " (batch, candidates, 4) and scores (batch, candidates, classes), float32"
        advice = "Take 50_bring_your_own_model."
        raise handles.HandleError(f"{what}. Found: {name}, from {found[:200]}. {advice}")
    model = savedmodel.load(folder)
    given = model.predict(scenes(2, image[1:])[0]).values()
    boxes = next(one for one in given if one.shape[-1] == 4)
    if not (np.abs(boxes).max() < 2 and (boxes[..., :2] <= boxes[..., 2:]).all()):
        what = "This lesson needs boxes as top, left, bottom, right, fractions of the image's sides"
        found = f"Found: numbers from {boxes.min():.3g} to {boxes.max():.3g}, or another order"
        raise handles.HandleError(f"{what}. {found}. Take 50_bring_your_own_model.")
    needs.converted(folder)
    return full


def scenes(count: int, shape: tuple = (SIDE, SIDE, 1), split: str = "test", seed: int = 0) -> tuple:
    """Return (images, boxes, labels): one to four digits each, drawn on a noisy dark ground.

    images: float32 (count, *shape) in [0, 1]. For each image, boxes are (k, 4), the edges top,
    left, bottom, right as fractions of its sides, and labels (k,), the digits.
    """
    random = np.random.default_rng(seed)
    pixels, drawn = digits.load(split)
    height, width, channels = (size or SIDE for size in shape)
    images = random.uniform(0, 0.15, (count, height, width)).astype(np.float32)
    boxes, labels = [], []
    for image in images:
        mine, names = [], []
        for _ in range(random.integers(1, MOST + 1)):
            which = random.integers(len(drawn))
            side = int(random.uniform(0.25, 0.45) * min(height, width))
            one = digits.as_model_input(pixels[which : which + 1], (side, side, 1))[0, ..., 0]
            rows, columns = np.flatnonzero(one.max(1) > 0.3), np.flatnonzero(one.max(0) > 0.3)
            one = one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            top, left = random.integers(0, (height - one.shape[0], width - one.shape[1]))
            box = np.array([top, left, top + one.shape[0], left + one.shape[1]])
            if any((box[:2] < b[2:] + 1).all() and (b[:2] < box[2:] + 1).all() for b in mine):
                continue  # it would touch another
            place = image[box[0] : box[2], box[1] : box[3]]
            place[:] = np.maximum(place, one)
            mine.append(box)
            names.append(drawn[which])
        boxes.append(np.float32(mine) / np.float32([height, width, height, width]))
        labels.append(np.array(names))
    return np.repeat(images[..., None], channels, axis=-1), boxes, labels


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the intersection over union (IoU) of a box (4,) with each of `others` (n, 4)."""
    top_left = np.maximum(box[:2], others[:, :2])
    bottom_right = np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(bottom_right - top_left, 0), axis=1)
    areas = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1)
    return shared / (areas - shared)


def nms(boxes: np.ndarray, scores: np.ndarray, limit: float) -> list[int]:
    """Return which of the boxes (n, 4) of one class to keep, as indices, the best first."""
    keep, rest = [], np.argsort(-scores, kind="stable")
    while len(rest):
        best, rest = rest[0], rest[1:]
        keep.append(int(best))
        rest = rest[overlap(boxes[best], boxes[rest]) <= limit]
    return keep


def _boxes(random, count, side=0.3):
    """Return `count` boxes that overlap a lot: float32 (count, 4)."""
    corner = random.uniform(0, 1 - side - 0.1, (count, 2))
    return np.float32(np.hstack([corner, corner + random.uniform(side / 2, side, (count, 2))]))


def _floats(answer, count, what):
    """Return an answer as float64 (count,); raise Wrong if it isn't that many numbers."""
    answer = answer.numpy() if hasattr(answer, "numpy") else answer
    if not isinstance(answer, (np.ndarray, list, tuple)):
        raise Wrong(f"Return one number for each of `others`, an array. Found: {shown(answer)}.")
    try:
        numbers = np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        raise Wrong(f"{what} should be numbers. Found: {shown(answer)}.") from None
    if numbers.shape != (count,):
        raise Wrong(f"{what} should have the shape ({count},). Found: {numbers.shape}.")
    return numbers


def _iou(iou):
    random = np.random.default_rng(32)
    apart = np.float32([[0.6, 0.7, 0.9, 0.8], [0.7, 0.2, 0.8, 0.3], [0.1, 0.2, 0.4, 0.6]])
    cases = [(np.float32([0.1, 0.2, 0.4, 0.6]), apart)]  # beside it, below it, itself
    cases += [(_boxes(random, 1)[0], _boxes(random, count)) for count in (1, 7, 60)]
    cases.append((np.float32([0.2, 0.1, 0.9, 0.8]), _boxes(random, 25, 0.2)))  # many are inside
    wide = random.uniform(0, 300, (12, 2))
    wide = np.float32(np.hstack([wide, wide + random.uniform(20, 200, (12, 2))]))
    cases.append((wide[0], wide))  # in pixels
    for box, others in cases:
        answer = _floats(ask(iou, box.copy(), others.copy()), len(others), "The answer")
        if np.allclose(answer, right := overlap(box, others), rtol=1e-4, atol=1e-6):
            continue
        return _why_iou(box, others, answer, right)
    return None


def _why_iou(box, others, answer, right):
    """Return the reason for a wrong IoU."""
    if not np.isfinite(answer).all():
        return "Some of the numbers aren't finite. Divide by the union, which is never 0."
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared, unclipped = np.prod(np.maximum(sides, 0), axis=1), np.prod(sides, axis=1)
    one, other = np.prod(box[2:] - box[:2]), np.prod(others[:, 2:] - others[:, :2], axis=1)
    around = np.prod(
        np.maximum(box[2:], others[:, 2:]) - np.minimum(box[:2], others[:, :2]), axis=1
    )
    reasons = [
        (
            unclipped / (one + other - unclipped),
            "Where two boxes don't touch, a side of what they share comes out negative, and two "
            "negative sides make an area. Set negative sides to 0 first.",
        ),
        (shared / (one + other), "The union counts what they share once: subtract it once."),
        (shared, "That's the area they share. Divide it by the area of the union."),
        (shared / one, "That's the shared part of `box`. Divide by the union of both."),
        (shared / other, "That's the shared part of the other box. Divide by the union of both."),
        (shared / np.minimum(one, other), "Divide by the union, not by the smaller box."),
        (shared / np.maximum(one, other), "Divide by the union, not by the larger box."),
        (2 * shared / (one + other), "That's another measure, Dice. Divide by the union, once."),
        (100 * right, "Return fractions from 0 to 1, not percent."),
        (
            np.prod(np.abs(sides), axis=1) / (one + other - np.prod(np.abs(sides), axis=1)),
            "Where two boxes don't touch, a side of what they share comes out negative. Set it to "
            "0: its absolute value would be an area that isn't there.",
        ),
        (shared / around, "That's the box around both. The union is smaller: the areas, minus once "
         "what they share."),
        (1 - right, "That's how much they differ: 1 minus the IoU."),
    ]  # fmt: skip
    for wrong, reason in reasons:
        if np.allclose(answer, wrong, rtol=1e-4, atol=1e-6):
            return reason
    worst = int(np.abs(answer - right).argmax())
    return (
        f"For {box.astype(float).round(2).tolist()} and "
        f"{others[worst].astype(float).round(2).tolist()} it says "
        f"{answer[worst]:.3g}; it should be {right[worst]:.3g}. The edges are top, left, bottom, "
        "right."
    )


def _nms(function):
    random = np.random.default_rng(33)
    for count, limit in ((30, 0.5), (30, 0.3), (1, 0.5), (60, 0.1), (40, 0.7), (200, 0.45)):
        boxes = _boxes(random, count)
        scores = random.permutation(np.linspace(0.1, 0.95, count, dtype=np.float32))
        answer = ask(function, boxes.copy(), scores.copy(), limit)
        answer = answer.numpy() if hasattr(answer, "numpy") else answer
        answer = wanted(answer, (list, tuple, np.ndarray))
        if len(answer) and np.ndim(answer[0]):
            return "Return indices, the places of the boxes in `boxes`, and not the boxes."
        kinds = {np.asarray(one).dtype.kind for one in answer}
        if kinds - set("iu"):
            return f"Return a list of integers, the indices of the boxes. Found: {shown(answer)}."
        given, right = [int(one) for one in answer], nms(boxes, scores, limit)
        if given == right:
            continue
        return _why_nms(boxes, scores, limit, given, right)
    return None


def _why_nms(boxes, scores, limit, given, right):
    """Return the reason for wrong indices."""
    order = np.argsort(-scores)
    each = np.array([overlap(box, boxes) for box in boxes])
    above = [n for k, n in enumerate(order) if not (each[n][order[:k]] > limit).any()]
    only_best = [order[0], *(n for n in order[1:] if each[order[0], n] <= limit)]
    reasons = [
        (sorted(right), "The right boxes, in another order. Return the best first."),
        (right[::-1], "The right boxes, the worst first. Return the best first."),
        (nms(boxes, -scores, limit), "You begin with the lowest score. Begin with the highest."),
        (
            nms(boxes, -np.arange(len(boxes)), limit),
            "You go through the boxes in the order in which they come. Sort them by score.",
        ),
        (
            above,
            "A box that's already out must not put others out. Compare with the kept ones only.",
        ),
        (
            only_best,
            "Only those around the very best box are out. Go on with the best of the rest.",
        ),
        (list(order), "None is out. Leave out those that overlap a kept box by more than `limit`."),
        (
            [list(order).index(n) for n in right],
            "These are places in the sorted list. Return the boxes' places in `boxes`.",
        ),
        (
            [n for n in right if scores[n] > limit],
            "`limit` is for the overlap, not for the score: it says nothing about low scores.",
        ),
    ]
    for wrong, reason in reasons:
        if given == [int(one) for one in wrong]:
            return reason
    if sorted(given) == sorted(right):
        return "The right boxes, in another order. Return the best first."
    if len(set(given)) < len(given):
        return "An index comes twice. Take a box out of the rest when you keep it."
    pairs = [(a, b) for a in given for b in given if a < b and b < len(boxes)]
    if any(each[a, b] > limit for a, b in pairs):
        return f"Two of the kept boxes overlap by more than {limit}. One of them should be out."
    return (
        f"Of {len(boxes)} boxes with the limit {limit} it keeps {len(given)}: {given[:5]} ... "
        f"It should be {len(right)}: {right[:5]} ..."
    )


EXERCISES = [
    Exercise(
        _iou,
        "This one number is behind every detector: in its training, its boxes and its score.",
        "The shared box begins at the larger of the two tops and lefts, and ends at the smaller of "
        "the two bottoms and rights. Its sides may not be negative.",
        "def iou(box, others):\n"
        "    top_left = np.maximum(box[:2], others[:, :2])\n"
        "    bottom_right = np.minimum(box[2:], others[:, 2:])\n"
        "    shared = np.prod(np.maximum(bottom_right - top_left, 0), axis=1)\n"
        "    one = np.prod(box[2:] - box[:2])\n"
        "    each = np.prod(others[:, 2:] - others[:, :2], axis=1)\n"
        "    return shared / (one + each - shared)",
        wrong={
            "def iou(box, others):\n"
            "    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])\n"
            "    shared = np.prod(sides, axis=1)\n"
            "    one = np.prod(box[2:] - box[:2])\n"
            "    each = np.prod(others[:, 2:] - others[:, :2], axis=1)\n"
            "    return shared / (one + each - shared)": "Set negative sides to 0",
            "def iou(box, others):\n"
            "    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])\n"
            "    shared = np.prod(np.maximum(sides, 0), axis=1)\n"
            "    one = np.prod(box[2:] - box[:2])\n"
            "    each = np.prod(others[:, 2:] - others[:, :2], axis=1)\n"
            "    return shared / (one + each)": "subtract it once",
            "def iou(box, others):\n"
            "    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])\n"
            "    return np.prod(np.maximum(sides, 0), axis=1)": "Divide it by the area",
            "def iou(box, others):\n"
            "    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])\n"
            "    shared = np.prod(np.maximum(sides, 0), axis=1)\n"
            "    return shared / np.prod(box[2:] - box[:2])": "the shared part of `box`",
            "def iou(box, others):\n"
            "    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])\n"
            "    shared = np.prod(np.maximum(sides, 0), axis=1)\n"
            "    start = np.minimum(box[:2], others[:, :2])\n"
            "    return shared / np.prod(np.maximum(box[2:], others[:, 2:]) - start, axis=1)": (
                "the box around both"
            ),
            "def iou(box, others):\n"
            "    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])\n"
            "    shared = np.prod(np.abs(sides), axis=1)\n"
            "    one = np.prod(box[2:] - box[:2])\n"
            "    each = np.prod(others[:, 2:] - others[:, :2], axis=1)\n"
            "    return shared / (one + each - shared)": "its absolute value",
            "def iou(box, others):\n    return 100 * overlap(box, others)": "not percent",
            "def iou(box, others):\n"
            "    sides = np.minimum(box[2:], others[0, 2:]) - np.maximum(box[:2], others[0, :2])\n"
            "    return float(np.prod(np.maximum(sides, 0)))": "one number for each of `others`",
            "def iou(box, others):\n"
            "    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])\n"
            "    np.prod(np.maximum(sides, 0), axis=1)": "returns nothing",
        },
        right_codes=(
            "def iou(box, others):\n"
            "    result = []\n"
            "    for other in others:\n"
            "        height = min(box[2], other[2]) - max(box[0], other[0])\n"
            "        width = min(box[3], other[3]) - max(box[1], other[1])\n"
            "        shared = height * width if height > 0 and width > 0 else 0\n"
            "        areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]\n"
            "        result.append(shared / (sum(areas) - shared))\n"
            "    return result",
            "from helpers.course.exercises.e32_detect_objects import overlap as iou",
        ),
    ),
    Exercise(
        _nms,
        "That's the whole of it, in any language: what a phone's app would do with raw boxes.",
        "np.argsort(-scores) gives the indices, the best first. Keep the first, drop from the rest "
        "what overlaps it by more than `limit`, and repeat.",
        "def suppress(boxes, scores, limit):\n"
        "    keep, rest = [], np.argsort(-scores)\n"
        "    while len(rest):\n"
        "        best, rest = rest[0], rest[1:]\n"
        "        keep.append(best)\n"
        "        rest = rest[overlap(boxes[best], boxes[rest]) <= limit]\n"
        "    return keep",
        wrong={
            "def suppress(boxes, scores, limit):\n"
            "    keep, rest = [], np.argsort(scores)\n"
            "    while len(rest):\n"
            "        best, rest = rest[0], rest[1:]\n"
            "        keep.append(best)\n"
            "        rest = rest[overlap(boxes[best], boxes[rest]) <= limit]\n"
            "    return keep": "Begin with the highest",
            "def suppress(boxes, scores, limit):\n"
            "    keep = []\n"
            "    for n, box in enumerate(boxes):\n"
            "        if not keep or overlap(box, boxes[keep]).max() <= limit:\n"
            "            keep.append(n)\n"
            "    return keep": "Sort them by score",
            "def suppress(boxes, scores, limit):\n"
            "    order, keep = np.argsort(-scores), []\n"
            "    for k, n in enumerate(order):\n"
            "        if k == 0 or overlap(boxes[n], boxes[order[:k]]).max() <= limit:\n"
            "            keep.append(n)\n"
            "    return keep": "Compare with the kept ones only",
            "def suppress(boxes, scores, limit):\n"
            "    ordered, keep = boxes[np.argsort(-scores)], []\n"
            "    for n, box in enumerate(ordered):\n"
            "        if not keep or overlap(box, ordered[keep]).max() <= limit:\n"
            "            keep.append(n)\n"
            "    return keep": "places in the sorted list",
            "def suppress(boxes, scores, limit):\n"
            "    keep = nms(boxes, scores, limit)\n"
            "    return [n for n in keep if scores[n] > limit]": "not for the score",
            "def suppress(boxes, scores, limit):\n"
            "    order = np.argsort(-scores)\n"
            "    rest = order[1:]\n"
            "    far = overlap(boxes[order[0]], boxes[rest]) <= limit\n"
            "    return [order[0], *rest[far]]": "Go on with the best of the rest",
            "def suppress(boxes, scores, limit):\n    return np.argsort(-scores)": "None is out",
            "def suppress(boxes, scores, limit):\n"
            "    keep, rest = [], np.argsort(-scores)\n"
            "    while len(rest):\n"
            "        best, rest = rest[0], rest[1:]\n"
            "        keep.append(boxes[best])\n"
            "        rest = rest[overlap(boxes[best], boxes[rest]) <= limit]\n"
            "    return keep": "Return indices",
            "def suppress(boxes, scores, limit):\n"
            "    keep, rest = [], np.argsort(-scores)\n"
            "    while len(rest):\n"
            "        best, rest = rest[0], rest[1:]\n"
            "        keep.append(best)\n"
            "        rest = rest[overlap(boxes[best], boxes[rest]) <= limit]\n"
            "    return sorted(keep)": "Return the best first",
            "def suppress(boxes, scores, limit):\n"
            "    keep, rest = [], np.argsort(-scores)\n"
            "    while len(rest):\n"
            "        keep.append(rest[0])\n"
            "        rest = rest[overlap(boxes[rest[0]], boxes[rest]) <= limit]\n"
            "    return scores[keep]": "a list of integers",
            "def suppress(boxes, scores, limit):\n"
            "    keep, rest = [], np.argsort(-scores)\n"
            "    while len(rest):\n"
            "        best, rest = rest[0], rest[1:]\n"
            "        keep.append(best)\n"
            "        rest = rest[overlap(boxes[best], boxes[rest]) <= 0.5]\n"
            "    return keep": "overlap by more than",
        },
        right_codes=(
            "def suppress(boxes, scores, limit):\n"
            "    keep = []\n"
            "    for n in sorted(range(len(scores)), key=lambda n: scores[n], reverse=True):\n"
            "        if all(overlap(boxes[n], boxes[[k]])[0] <= limit for k in keep):\n"
            "            keep.append(n)\n"
            "    return keep",
            "def suppress(boxes, scores, limit):\n"
            "    return tf.image.non_max_suppression(boxes, scores, len(scores), limit)",
        ),
    ),
]
