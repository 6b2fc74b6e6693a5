"""A slice of a lesson holds what an exercise depends on, and leaves out what it doesn't."""

import pytest

from tests.course import slices

CASES = {
    "a name comes from where it was bound last": (
        ["x = 1", "x = 2", "y = 3"],
        "x",
        [1],
    ),
    "what a binding reads is needed, too": (
        ["a = 1", "b = a", "c = b", "d = 4"],
        "c",
        [0, 1, 2],
    ),
    "items and attributes that are set": (
        ["x = {}", "x['a'] = 1", "x.b = 1", "x.c += 1", "y = x['a']"],
        "x",
        [0, 1, 2, 3],
    ),
    "a method on a line of its own changes its object, a value that is taken does not": (
        ["model = load()", "model.fit()", "scores = model.predict()", "print(model.size())"],
        "model",
        [0, 1],
    ),
    "a function of a module may change what it is given": (
        ["import tool", "folder = 'x'", "tool.save(1, folder)", "print(folder)"],
        "folder",
        [0, 1, 2],
    ),
    "a function's body is read when it is called": (
        ["def f(x):\n    return x * scale", "scale = 2", "other = 3", "y = f(3)"],
        "y",
        [0, 1, 3],
    ),
    "a function's body may change what is around it": (
        ["files = {}", "def add(name):\n    files[name] = 1\n    return 1", "row = add('a')"],
        "files",
        [0, 1, 2],
    ),
    "the variables of loops and comprehensions are not needed from before": (
        ["one = 1", "rows = [1]", "for one in rows:\n    total = one", "t = [one for one in rows]"],
        "total, t",
        [1, 2, 3],
    ),
    "what is bound and read in one cell is not needed from before": (
        ["x = 1", "x = 2\ny = x"],
        "y",
        [1],
    ),
    "magics are no code": (["x = 1", "%time\n!ls\ny = x"], "y", [0, 1]),
    "inside with, if and try": (
        [
            "x = []",
            "with open('a'):\n    if 1:\n        x.append(1)",
            "try:\n    z = x\nexcept E:\n    pass",
        ],
        "z",
        [0, 1, 2],
    ),
}


@pytest.mark.parametrize(("sources", "code", "places"), CASES.values(), ids=CASES)
def test_the_slice_is(sources, code, places):
    assert slices.backward(sources, code) == places
