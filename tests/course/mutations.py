"""Small mistakes in a right answer's code, made by machine: a judge must refuse each of them."""

import ast
import copy
from collections.abc import Iterator

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Lt: ast.Gt,
    ast.LtE: ast.Gt,
    ast.Gt: ast.Lt,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
NAMES = {"argmax": "argmin", "max": "min", "min": "max", "sum": "max", "any": "all", "all": "any"}


def mutants(code: str, most: int = 12) -> list[str]:
    """Return versions of `code` with one mistake each; at most `most`, spread over the code."""
    tree = ast.parse(code)
    found = {}
    for node in ast.walk(tree):
        for mistake in _mistakes(node):
            # A copy of the tree that has `mistake` in the node's place.
            other = copy.deepcopy(tree, {id(node): mistake})
            found[ast.unparse(ast.fix_missing_locations(other))] = None
    found.pop(ast.unparse(tree), None)
    texts = list(found)
    if len(texts) <= most:
        return texts
    return [texts[place * len(texts) // most] for place in range(most)]


def _mistakes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place by mistake."""
    if isinstance(node, ast.BinOp):
        if type(node.op) in OPERATORS:
            yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        yield node.left
        yield node.right
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(OPERATORS[type(node.op)](), node.values)
        yield node.values[0]
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        yield ast.Compare(node.left, [OPERATORS[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield ast.Attribute(node.value, NAMES[node.attr], node.ctx)
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield ast.Name(NAMES[node.id], node.ctx)
    elif isinstance(node, ast.Return) and node.value:
        yield ast.Return()
