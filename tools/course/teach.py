"""The plans of a class: docs/teach/plans.yaml as pages, and five slides that print.

python -m tools.course.teach           write docs/teach/plan_*.md
python -m tools.course.teach slides    write build/slides.html, with figures from the lessons
"""

import base64
import sys
from pathlib import Path

import nbformat
import yaml

from hub_to_tflite import knowledge
from tools.course import notebooks

ROOT = notebooks.FOLDER.parent
FOLDER = ROOT / "docs" / "teach"
SLIDES = ROOT / "build" / "slides.html"
PLAN, TEMPLATE = map(Path(__file__).with_name, ("plan.md.j2", "slides.html.j2"))


def load() -> dict:
    """Return plans.yaml, with the steps of each plan in one list."""
    told = yaml.safe_load((FOLDER / "plans.yaml").read_text(encoding="utf-8"))
    for plan in told["plans"].values():
        steps = [one if isinstance(one, list) else [one] for one in plan["steps"]]
        plan["steps"] = [step for part in steps for step in part]
    return told


def length(step: dict) -> int:
    """Return the minutes of a step of a plan."""
    return sum(step["sections"].values()) if "lesson" in step else step["minutes"]


def page(plan: dict, notes: dict) -> str:
    """Return the page of one plan."""
    steps, minute = [], 0
    for step in plan["steps"]:
        told = {"begin": f"{minute // 60}:{minute % 60:02}", "length": length(step)}
        if "lesson" in step:
            path = notebooks.FOLDER / f"{step['lesson']}.ipynb"
            told["title"] = f"{path.stem[:2]} {notebooks.title(path)}"
            told["link"] = f"[{told['title']}](../../notebooks/{path.name})"
        steps.append({**step, **told})
        minute += length(step)
    return knowledge.render(PLAN, plan=plan, steps=steps, notes=notes)


def slides(told: dict) -> str:
    """Return the slides as one page, with every image in it."""
    shown = [{**slide, **_shown(slide)} for slide in told["slides"]]
    return knowledge.render(TEMPLATE, slides=shown)


def _shown(slide):
    """Return what a slide shows beside its lines: `png`, text in base64, or `table`, as HTML."""
    if "image" in slide:
        return {"png": base64.b64encode((ROOT / slide["image"]).read_bytes()).decode()}
    if "output" not in slide:
        return {}
    data = output(**slide["output"])
    if "image/png" in data:
        return {"png": "".join(data["image/png"].split())}
    return {"table": data["text/html"]}


def output(lesson: str, line: str) -> dict:
    """Return the data of the stored output of the one cell that has this line."""
    cells = nbformat.read(notebooks.FOLDER / f"{lesson}.ipynb", 4).cells
    [cell] = [cell for cell in cells if cell.cell_type == "code" and line in cell.source]
    return cell.outputs[-1].data


def main() -> None:
    """Write the pages of the plans, or the slides, and say where they are."""
    told = load()
    if sys.argv[1:] == ["slides"]:
        SLIDES.parent.mkdir(exist_ok=True)
        SLIDES.write_text(slides(told), encoding="utf-8")
        print(f"{SLIDES.relative_to(ROOT)}: open it in a browser; printed, it's five pages.")
        return
    for name, plan in told["plans"].items():
        path = FOLDER / f"plan_{name}.md"
        path.write_text(page(plan, told["sections"]), encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {sum(map(length, plan['steps']))} minutes")


if __name__ == "__main__":
    main()
