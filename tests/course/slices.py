"""Which cells of a lesson a piece of code depends on: a slice of the notebook, backwards from it.

It follows names. A cell belongs to the slice if it binds a name that is needed later, or may change
what such a name stands for: `name.method(...)`, `name[...] = ...`, `function(name)`. When in doubt
it belongs to it. Files that a cell leaves behind are followed through the names of their paths.
"""

import ast
import builtins
import symtable
from dataclasses import dataclass, field

UNCHANGED = {"plt", "get_ipython", "display", *dir(builtins)}  # a figure changes no later code


@dataclass
class Cell:
    """The names of a cell's code."""

    needed: set = field(default_factory=set)  # read before this cell binds them
    bound: set = field(default_factory=set)  # at the top level
    changed: set = field(default_factory=set)  # whose objects this cell may change
    modules: set = field(default_factory=set)  # imported here
    bodies: dict = field(default_factory=dict)  # {function or class: what its body reads}


def read(source: str) -> Cell:
    """Return the names of a cell. Lines of magics and shell commands are left out."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    code, cell = "\n".join(lines), Cell()
    for statement in ast.parse(code).body:
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
        symbols = table.get_symbols()
        here = {s.get_name() for s in symbols if s.is_referenced()} | _globals_below(table)
        cell.needed |= here - cell.bound
        cell.changed |= _changed(statement) - cell.bound
        cell.bound |= {
            s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()
        }
        cell.modules |= {s.get_name() for s in symbols if s.is_imported()}
        for child in table.get_children():
            if child.get_name() in cell.bound:
                cell.bodies[child.get_name()] = _globals_below(table)
    return cell


def _globals_below(table):
    found = set()
    for child in table.get_children():
        found |= {s.get_name() for s in child.get_symbols() if s.is_global()}
        found |= _globals_below(child)
    return found


def _changed(statement):
    """Return the names whose objects a statement may change."""
    found = set()
    for node in ast.walk(statement):
        whole = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            whole = [node] if _root(node.value) not in UNCHANGED else []
        elif isinstance(node, ast.withitem):
            whole = [node.context_expr]
        for one in whole:
            found |= {name.id for name in ast.walk(one) if isinstance(name, ast.Name)}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found |= {_root(node.func)}
        elif isinstance(node, ast.AugAssign):
            found |= {_root(node.target)}
        elif isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
            found |= {_root(node)} - {getattr(node, "id", None)}
    return found - UNCHANGED


def _root(node):
    """Return name for name, name.a, name[0].b(...) and so on; None for anything else."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def backward(sources: list[str], code: str) -> list[int]:
    """Return the places in `sources`, cells in order, of those that `code` after them needs."""
    cells = [read(source) for source in sources]
    modules = set().union(*(cell.modules for cell in cells))
    bodies = {}
    for cell in cells:
        for name, names in cell.bodies.items():
            bodies[name] = bodies.get(name, set()) | names

    def with_bodies(names):
        names = set(names)
        while more := set().union(*(bodies.get(name, set()) for name in names)) - names:
            names |= more
        return names

    needed, kept = with_bodies(read(code).needed), []
    for place, cell in reversed(list(enumerate(cells))):
        if needed & (cell.bound | (cell.changed - modules)):
            needed = needed - cell.bound | with_bodies(cell.needed)
            kept.insert(0, place)
    return kept
