"""The mistakes that test the judges are mistakes, and code that runs."""

import ast

from tests.course import mutations


def test_a_sign_an_axis_a_constant_a_term_and_a_forgotten_return():
    code = "def f(x):\n    return (x - x.max(axis=1)) / 2"
    found = mutations.mutants(code)
    for mistake in (
        "return (x + x.max(axis=1)) / 2",
        "return (x - x.min(axis=1)) / 2",
        "return (x - x.max(axis=2)) / 2",
        "return (x - x.max(axis=1)) * 2",
        "return (x - x.max(axis=1)) / 3",
        "return x - x.max(axis=1)",
        "return x / 2",
        "return",
    ):
        assert f"def f(x):\n    {mistake}" in found
    assert code not in found and len(set(found)) == len(found)
    assert all(ast.parse(one) for one in found)


def test_at_most_so_many_and_from_all_over_the_code():
    code = "\n".join(f"a{n} = {n}" for n in range(100))
    found = mutations.mutants(code, most=10)
    assert len(found) == 10 and "a0 = 1" in found[0] and "a90 = 91" in found[9]
