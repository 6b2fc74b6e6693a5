"""Which cells of a lesson a piece of code depends on: a slice of the notebook, backwards from it.

It follows names. A cell belongs to the slice if it binds a name that is needed later, or changes
what such a name stands for: `name[...] = ...`, and calls whose value nobody takes, on a line of
their own: `name.method()`, `function(name)`, `module.function(name)`.
"""

import ast
import builtins
import symtable
from dataclasses import dataclass, field

# A figure, a printed line and the check of an answer change no later code.
UNCHANGED = {"np", "plt", "turn", "display", *dir(builtins)}


@dataclass
class Cell:
    """The names of a cell's code."""

    needed: set = field(default_factory=set)  # read before this cell binds them
    bound: set = field(default_factory=set)  # at the top level
    changed: set = field(default_factory=set)  # whose objects this cell may change
    bodies: dict = field(default_factory=dict)  # {function or class: what its body reads}
    effects: dict = field(default_factory=dict)  # {function or class: what its body changes}


def parse(source: str) -> ast.Module:
    """Return a cell's code, without lines of magics and shell commands."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    return ast.parse("\n".join(lines))


def imported(tree: ast.Module) -> set:
    """Return the names that imports bind."""
    aliases = [node for node in ast.walk(tree) if isinstance(node, ast.alias)]
    return {(alias.asname or alias.name).partition(".")[0] for alias in aliases}


def names(tree: ast.Module, modules: set) -> Cell:
    """Return the names of a cell; `modules` are those that stand for modules."""
    cell = Cell()
    for statement in tree.body:
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
        symbols = table.get_symbols()
        here = {s.get_name() for s in symbols if s.is_referenced()} | _globals_below(table)
        cell.needed |= here - cell.bound - _loop_variables(statement)
        changed = _changed(statement, modules)
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            cell.bodies[statement.name] = _globals_below(table)
            cell.effects[statement.name] = changed & _globals_below(table)
        else:
            cell.changed |= changed - cell.bound
        cell.bound |= {
            s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()
        }
    return cell


def _loop_variables(statement):
    loops = [node.target for node in ast.walk(statement) if isinstance(node, ast.For)]
    return {one.id for loop in loops for one in ast.walk(loop) if isinstance(one, ast.Name)}


def _globals_below(table):
    found = set()
    for child in table.get_children():
        found |= {s.get_name() for s in child.get_symbols() if s.is_global()}
        found |= _globals_below(child)
    return found


def _changed(statement, modules):
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.AugAssign):
            found.add(_root(node.target))
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            if isinstance(node.ctx, (ast.Store, ast.Del)):
                found.add(_root(node))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            root = _root(node.value)
            found.add(root)
            if (root in modules or isinstance(node.value.func, ast.Name)) and root not in UNCHANGED:
                found |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return found - UNCHANGED - modules


def _root(node):
    """Return name for name, name.a, name[0].b(...) and so on; None for anything else."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def backward(sources: list[str], code: str) -> list[int]:
    """Return the places in `sources`, cells in order, of those that `code` after them needs."""
    trees = [parse(source) for source in sources]
    modules = set().union(*map(imported, trees))
    cells = [names(tree, modules) for tree in trees]
    bodies, effects = _together(cells, "bodies"), _together(cells, "effects")

    def with_bodies(found):
        found = set(found)
        while more := set().union(*(bodies.get(name, set()) for name in found)) - found:
            found |= more
        return found

    needed, kept = with_bodies(names(parse(code), modules).needed), []
    for place, cell in reversed(list(enumerate(cells))):
        called = set().union(*(effects.get(name, set()) for name in with_bodies(cell.needed)))
        if needed & (cell.bound | cell.changed | called):
            needed = needed - cell.bound | with_bodies(cell.needed)
            kept.insert(0, place)
    return kept


def _together(cells, name):
    whole = {}
    for cell in cells:
        for function, found in getattr(cell, name).items():
            whole[function] = whole.get(function, set()) | found
    return whole
