"""The plans of a class: their sections run in order and fit their time; the pages are current."""

import re

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.course import test_readme
from tools.course import class_copy, minutes, notebooks, teach

TOLD = teach.load()
PLANS = TOLD["plans"]
every_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
HEADING = re.compile(r"^#{2,3} (.*)$", re.MULTILINE)
OPENING = "opening"


def lessons(plan):
    return [step for step in plan["steps"] if "lesson" in step]


def sections(lesson):
    """Return {heading: its cells} of a lesson, in order; what comes first is `opening`.

    A section ends at the next heading of level 2 or 3. A cell of prose may be cut by one.
    """
    found, heading = {OPENING: []}, OPENING
    for cell in nbformat.read(notebooks.FOLDER / f"{lesson}.ipynb", 4).cells:
        if cell.cell_type != "markdown":
            found[heading].append(cell)
            continue
        first, *rest = HEADING.split(cell.source)
        found[heading].append(nbformat.v4.new_markdown_cell(first))
        for heading, prose in zip(rest[::2], rest[1::2]):
            found.setdefault(heading, []).append(nbformat.v4.new_markdown_cell(prose))
    return found


def needed(cells):
    """Return the minutes of some cells by the lessons' formula, rounded up."""
    return minutes.minutes(nbformat.v4.new_notebook(cells=cells))


def run(step, folder):
    """Run a lesson's first cells, and then the cells of the plan's sections, in a fresh kernel."""
    found = sections(step["lesson"])
    cells = [cell for heading in step["sections"] for cell in found[heading]]
    notebook = nbformat.v4.new_notebook(cells=[one for one in cells if one.cell_type == "code"])
    resources = {"metadata": {"path": folder}}
    NotebookClient(notebook, **notebooks.KERNEL, timeout=300, resources=resources).execute()


def rounds():
    """Return a case for each lesson and choice of sections; those beyond 90 minutes need --all."""
    seen = []
    for name, plan in PLANS.items():
        for step in lessons(plan):
            if step not in seen:
                seen.append(step)
                marks = [] if name == "90_minutes" else [pytest.mark.all]
                yield pytest.param(step, id=f"{name}-{step['lesson']}", marks=marks)


class TestPlans:
    @pytest.mark.parametrize("step", list(rounds()))
    def test_the_sections_run_in_order_from_a_fresh_kernel(self, step, tmp_path):
        run(step, tmp_path)

    def test_a_section_that_needs_one_that_was_skipped_fails(self, tmp_path, monkeypatch):
        code, prose = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
        cells = [prose("# One"), code("a = 1"), prose("Text.\n\n## First\n\nMore."), code("b = a")]
        cells += [prose("### Second"), code("c = a + b")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "00_one.ipynb")
        monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
        chosen = dict.fromkeys([OPENING, "First", "Second"], 1)
        run({"lesson": "00_one", "sections": chosen}, tmp_path)
        del chosen["First"]
        with pytest.raises(CellExecutionError, match="name 'b' is not defined"):
            run({"lesson": "00_one", "sections": chosen}, tmp_path)

    @every_plan
    def test_each_begins_with_its_first_cells_and_keeps_the_lessons_order(self, plan):
        for step in lessons(plan):
            headings = list(sections(step["lesson"]))
            chosen = list(step["sections"])
            assert chosen[0] == OPENING
            assert not set(chosen) - set(headings), step["lesson"]
            assert chosen == sorted(chosen, key=headings.index), step["lesson"]

    @every_plan
    def test_the_minutes_add_up_and_leave_room(self, plan):
        assert sum(map(teach.length, plan["steps"])) == plan["minutes"]
        own = [step for step in plan["steps"] if "lesson" not in step]
        free = [one["minutes"] for one in own if not one["what"].startswith(("Break", "Lunch"))]
        assert sum(free) >= 0.15 * plan["minutes"]
        assert any("Questions" in one["what"] or "questions" in one["what"] for one in own)
        for step in lessons(plan):
            found = sections(step["lesson"])
            for heading, given in step["sections"].items():
                assert given >= needed(found[heading]), (step["lesson"], heading)
            alone = needed([cell for heading in step["sections"] for cell in found[heading]])
            assert teach.length(step) >= 1.25 * alone, step["lesson"]

    @every_plan
    def test_each_section_has_what_a_teacher_needs(self, plan):
        for step in lessons(plan):
            found, notes = sections(step["lesson"]), TOLD["sections"][step["lesson"]]
            for heading in set(step["sections"]) - {OPENING}:
                note = notes[heading]
                fields = {"goal", "say", "guess", "asked", "skip"}
                assert all(note[field].strip() for field in fields), heading
                assert set(note) <= {*fields, "slow"}, heading
                for line in note.get("slow", {}):
                    assert any(line in cell.source for cell in found[heading]), (heading, line)

    def test_no_note_is_about_a_section_that_no_plan_has(self):
        used = {(step["lesson"], one) for plan in PLANS.values() for step in lessons(plan)
                for one in step["sections"]}  # fmt: skip
        for lesson, notes in TOLD["sections"].items():
            assert {(lesson, heading) for heading in notes} <= used, lesson


class TestPages:
    @pytest.mark.parametrize("name", PLANS)
    def test_a_plans_page_is_as_generated(self, name):
        text = (teach.FOLDER / f"plan_{name}.md").read_text(encoding="utf-8")
        assert text == teach.page(PLANS[name], TOLD["sections"]), "python -m tools.course.teach"
        assert f"plan_{name}.md" in (teach.FOLDER / "index.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("path", sorted(teach.FOLDER.glob("*.md")), ids=lambda one: one.name)
    def test_links_lead_to_files_and_headings(self, path):
        test_readme.test_links_lead_to_files_and_headings(path)

    def test_each_exit_ticket_has_an_answer_and_the_plans_name_them(self):
        text = (teach.FOLDER / "tickets.md").read_text(encoding="utf-8")
        questions, answers = (
            re.findall(r"^(\d)\. ", part, re.MULTILINE) for part in text.split("## Answers")
        )
        assert questions == answers == list("12345678")
        named = [re.findall(r"questions (\d) to (\d)", one["what"]) for plan in PLANS.values()
                 for one in plan["steps"] if "what" in one]  # fmt: skip
        assert {one for found in named for pair in found for one in pair} <= set(questions)

    def test_the_mails_command_ends_with_the_line_that_it_promises(self, tmp_path, capsys):
        mail = (teach.FOLDER / "mail.md").read_text(encoding="utf-8")
        assert "make class" in mail
        assert "class: $(READY)" in (teach.ROOT / "Makefile").read_text()
        promised = re.search(r"Your lessons are in .*", mail)[0]
        class_copy.main(tmp_path / "work")
        last = capsys.readouterr().out.splitlines()[-1]

        def form(line):
            return re.sub(r"in \S+/work", "in WORK", line)

        assert form(last) == form(promised)

    def test_the_slides_are_five_and_fetch_nothing(self):
        page = teach.slides(TOLD)
        assert page.count("<section>") == 5
        assert not re.search(r"<(script|link|iframe)|url\(|@import", page)
        assert all(one.startswith("data:") for one in re.findall(r"(?:src|href)=\W*(\w+:?)", page))
        assert page.count("data:image/png;base64,") == 2 and "<td>450 of 450</td>" in page
        assert all(re.findall(r'<img alt="([^"]*)"', page))
