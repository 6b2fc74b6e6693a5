"""Rows as a table of text, Markdown or HTML: every table of this project is laid out here."""

import html
import re
from collections.abc import Iterable, Sequence

NUMBER = re.compile(r"[-−]?\d\S*( [^\s,]+){0,4}")  # such as 1.46 (1.35 to 1.55)


def table(rows: Iterable[Sequence], head: Sequence = (), form: str = "text") -> str:
    """Return rows under a head as one table; `form` is "text", "markdown" or "html".

    A cell is str(value) on one line, and None is an empty cell. A column of numbers, perhaps with a
    few words behind them, is aligned to the right. Markdown cells may hold links and emphasis; HTML
    cells are escaped. Raises ValueError for another form, or for rows of different lengths.
    """
    cells = [["" if one is None else " ".join(str(one).split()) for one in row] for row in rows]
    head = [str(one) for one in head]
    if len({len(row) for row in [head, *cells] if row}) > 1:
        raise ValueError(f"The rows of a table have one length. Found: {sorted(map(len, cells))}.")
    right = [all(NUMBER.fullmatch(one) for one in column if one) for column in zip(*cells)]
    right = right or [False] * len(head)
    if form == "text":
        return _text(cells, head, right)
    if form == "markdown":
        cells = [[one.replace("|", "\\|").replace("<", "&lt;") for one in row] for row in cells]
        rule = ["---:" if one else "---" for one in right]
        lines = [head or [""] * len(rule), rule, *cells]
        return "\n".join(f"| {' | '.join(row)} |" for row in lines)
    if form == "html":
        body = "".join(_html(row, "td", right) for row in cells)
        top = f"<thead>{_html(head, 'th', right)}</thead>" if head else ""
        return f"<table>{top}<tbody>{body}</tbody></table>"
    raise ValueError(f"A table's form is text, markdown or html. Found: {form!r}.")


def _text(cells, head, right):
    lines = [head, *cells] if head else cells
    widths = [max(map(len, column)) for column in zip(*lines)]
    signs = [">" if one else "<" for one in right]
    written = []
    for row in lines:
        padded = (f"{one:{sign}{width}}" for one, sign, width in zip(row, signs, widths))
        written.append("  ".join(padded).rstrip())
    if head:
        written.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join(written)


def _html(row, tag, right):
    sides = ["right" if one else "left" for one in right]  # Jupyter's own choice is right
    pairs = [(side, html.escape(one)) for side, one in zip(sides, row)]
    cells = [f'<{tag} style="text-align:{side}">{one}</{tag}>' for side, one in pairs]
    return f"<tr>{''.join(cells)}</tr>"
