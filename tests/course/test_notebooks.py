"""Every lesson: run with another model, with bad handles, its exercises answered, and its form.

That the stored outputs are what a fresh run prints is the other half: nbval, over `notebooks/`.
"""

import itertools
import os
import re
import statistics
import urllib.parse

import nbformat
import papermill
import pytest
from nbclient import NotebookClient

from helpers import handles, savedmodel
from helpers.course import exercises
from hub_to_tflite import sandbox
from tests import awkward
from tests.course import cells, mutations, slices
from tools.course import minutes, notebooks

ROOT = notebooks.FOLDER.parent
LESSONS = notebooks.every()
NAMES = [path.stem for path in LESSONS]
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=NAMES)


def tags(cell):
    return cell.metadata.get("tags", [])


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in tags(cell)]


REAL = {
    "feature vector": "digits/mobilenet_v2/feature_vector/1",
    "ImageNet model": "rebuilt/mobilenet_v1_025_224/classification/1",
    "keyword spotter": "mlperf-tiny/keyword_spotting/1",
}
ODD = (
    "keras_3_photos",
    "keras_3_two_and_two",
    "picture",
    "embedding",
    "regression",
    "without_batch",
    "tokens",
    "text",
    "segmentation",
    "keras_3_lstm",
    "float64",
    "uint8_input",
    "tf1_module",
    "another_name",
    "plain_module",
)
EARLY = 5  # a lesson says what it needs in one of its first cells: bootstrap, parameters, imports


def lessons_with_others():
    """Each lesson with one other model in turn; the rest only with --all."""
    real = bool(os.environ.get("HUB_TO_TFLITE_REAL_MODELS"))
    names = [*REAL, *ODD] if real else ["feature vector", *ODD]
    for number, path in enumerate(LESSONS):
        for other, name in enumerate([*REAL, *ODD]):
            its_turn = name == names[5 * number % len(names)]
            marks = [] if its_turn else [pytest.mark.all]
            yield pytest.param(path, name, id=f"{path.stem} with {other:02} {name}", marks=marks)


@pytest.fixture(scope="module")
def worker():
    """One process for the first cells of all lessons: what they import and set ends there."""
    with sandbox.Worker() as worker:
        yield worker


def begin(worker, path, handle, folder, most=None):
    """Run a lesson's first `most` code cells with a handle, in the process `worker`."""
    lesson = code_cells(nbformat.read(path, 4))
    [split] = [n for n, cell in enumerate(lesson, 1) if "parameters" in tags(cell)]
    sources = [cell.source for cell in lesson]
    names = {"HANDLE": handle}
    worker.call(cells.run, str(folder), sources[:split], names, sources[split:most])


class TestOtherModels:
    """With another model a lesson runs to its end, or says at once which lesson to take instead."""

    @pytest.mark.parametrize(("path", "name"), list(lessons_with_others()))
    def test_it_runs_to_its_end_or_says_at_once_what_it_needs(
        self, path, name, tmp_path, worker, request
    ):
        if name in ODD:
            handle, samples = str(tmp_path / "model"), 20
            worker.call(getattr(awkward, name), handle)
        else:
            handle, samples = REAL[name], 30
            if name != "feature vector":
                handle, samples = f"{request.getfixturevalue('real_hub')}/{handle}", 20
        try:
            begin(worker, path, handle, tmp_path, EARLY)
        except (handles.HandleError, savedmodel.SavedModelError) as error:
            said = " ".join(str(error).split())
            assert re.search(r"[Ll]esson|[0-9]{2}_\w+|signature", said) and len(said) < 600, said
            assert name != "feature vector" or path.stem[:2] == "22" or path.stem[0] == "3", said
        else:
            self.run(path, tmp_path, handle, samples)

    def run(self, path, folder, handle, samples):
        """Run a lesson with papermill, from a folder that is not the checkout.

        Without the proof of the page in the browser: it is the same for every model, and
        tests/deploy/test_web.py has it.
        """
        lesson = nbformat.read(path, 4)
        parameters = {"HANDLE": handle}
        if "SAMPLES" in tagged(lesson, "parameters")[0].source:
            parameters["SAMPLES"] = samples
        lesson.cells = [cell for cell in lesson.cells if "page-proof" not in tags(cell)]
        papermill.execute_notebook(
            lesson,
            folder / path.name,
            parameters,
            **notebooks.KERNEL,
            cwd=folder,
            progress_bar=False,
            execution_timeout=240,
        )


class TestBadHandles:
    """A bad handle ends a lesson at the first cell that uses it, with a plain message."""

    @every_lesson
    @pytest.mark.parametrize(
        ("handle", "words"),
        [
            (
                "digits/mobilenet_v9/classification/1",
                "The embedded hub has: digits/mobilenet_v2/classification/1",
            ),
            (
                "https://tfhub.dev/google/tf2-preview/mobilenet_v2/classification/4",
                "embedded model",
            ),
        ],
        ids=["unknown name", "no network"],
    )
    def test_it_ends_in_its_plain_message(self, path, handle, words, tmp_path, worker):
        with pytest.raises(handles.HandleError, match=re.escape(words)):
            begin(worker, path, handle, tmp_path)


def answered(notebook, turn):
    """Return the cells of a lesson with all answers behind each stub, and what is expected.

    That is a list of (cell, words); words are None for a mistake made by machine: anything but
    right will do, an error included. Each cell beyond the lesson's own is in the list.
    """
    all_cells, expected = [], []
    for cell in notebook.cells:
        if cell.cell_type != "code" or "page-proof" in tags(cell):
            continue
        all_cells.append(cell)
        if "exercise" not in tags(cell):
            continue
        number = int(re.search(r"turn\[(\d+)\]\.check\(", cell.source)[1])
        exercise = turn[number]
        assert "..." in cell.source
        check = cell.source[cell.source.index(f"turn[{number}].check(") :]
        expected.append((cell, exercises.NOT_ATTEMPTED))
        right = f"Right. {re.escape(exercise.right)}"
        answers = [
            *((code, f"Not yet. .*{re.escape(words)}") for code, words in exercise.wrong.items()),
            *((code, right) for code in (exercise.solution_code, *exercise.right_codes)),
            *((code, right) for code in exercise.equivalent),
        ]
        made = set(mutations.mutants(exercise.solution_code)) - set(exercise.equivalent)
        answers += [(code, None) for code in sorted(made)]
        for code, words in answers:
            source = f"{code}\n\n{check}"
            metadata = {} if words else {"tags": ["raises-exception"]}
            all_cells.append(nbformat.v4.new_code_cell(source, metadata=metadata))
            expected.append((all_cells[-1], words))
        help_cell = nbformat.v4.new_code_cell(f"turn[{number}].hint()\nturn[{number}].solution()")
        all_cells.append(help_cell)
        expected.append((help_cell, re.escape(exercise.hint_text)))
    return all_cells, expected


def needed(all_cells, asked):
    """Return the cells of the list `asked`, and those of `all_cells` that they depend on."""
    ids = {id(cell) for cell in asked}
    places = set()
    for place, cell in enumerate(all_cells):
        if id(cell) in ids:
            lesson = [n for n in range(place) if id(all_cells[n]) not in ids]
            own = slices.backward([all_cells[n].source for n in lesson], cell.source)
            places |= {place, *(lesson[n] for n in own)}
    return [all_cells[n] for n in sorted(places)]


class TestYourTurn:
    """The exercises: each lesson with every wrong answer and the solution in place of the stub."""

    @every_lesson
    @pytest.mark.parametrize(
        "whole",
        [False, pytest.param(True, marks=pytest.mark.all)],
        ids=["the cells that they need", "the whole lesson"],
    )
    def test_stub_wrong_answers_and_solution_get_the_right_words(self, path, whole, tmp_path):
        turn = exercises.of(path.stem)
        notebook = nbformat.read(path, 4)
        assert 2 <= len(turn) <= 6 and len(tagged(notebook, "exercise")) == len(turn)
        all_cells, expected = answered(notebook, turn)
        asked = [cell for cell, _ in expected]
        notebook.cells = all_cells if whole else needed(all_cells, asked)
        NotebookClient(
            notebook, **notebooks.KERNEL, timeout=240, resources={"metadata": {"path": tmp_path}}
        ).execute()
        for cell, words in expected:
            said = "".join(output.get("text", "") for output in cell.outputs)
            to = f"{path.stem}: to\n{cell.source}\nit said\n{said}\n"
            if words is None:
                assert "Right. " not in said, f"{to}(a mistake; if it is right, it is `equivalent`)"
            else:
                assert re.search(words, said, re.DOTALL), f"{to}not\n{words}"

    @every_lesson
    def test_each_judge_is_tried_with_five_wrong_answers_and_two_right_ones(self, path):
        for exercise in exercises.of(path.stem).values():
            assert len(exercise.wrong) >= 5 and exercise.right_codes


class TestForm:
    """What CONTRIBUTING.md asks of a lesson and a machine can see."""

    @every_lesson
    def test_it_begins_like_every_other(self, path):
        notebook = nbformat.read(path, 4)
        contract = notebook.cells[0].source
        assert contract.startswith("# ")
        for heading in ("What you'll do", "What you'll learn", "What you'll need", "Time"):
            assert f"**{heading}" in contract
        bootstrap = (ROOT / "tools" / "course" / "colab_cell.py").read_text().strip()
        bootstrap = bootstrap.replace("{lesson}", path.stem[:2])
        assert [cell.source for cell in tagged(notebook, "bootstrap")] == [bootstrap]
        assert code_cells(notebook)[0].source == bootstrap

    @every_lesson
    def test_it_is_one_sitting_and_says_how_long(self, path):
        notebook = nbformat.read(path, 4)
        assert minutes.timed(notebook) == notebook.cells[0].source, "run: make refresh"
        assert minutes.minutes(notebook) <= 30

    @every_lesson
    def test_its_predictions_are_cells_with_their_answer_after_them(self, path):
        cells = nbformat.read(path, 4).cells
        places = [place for place, cell in enumerate(cells) if "prediction" in tags(cell)]
        assert 2 <= len(places) <= 5
        for place, end in zip(places, [*places[1:], len(cells)], strict=True):
            name = re.match(r"(\w+) = \.\.\.  # ", cells[place].source)[1]
            told = f"exercises.guessed({name}, "
            assert any(told in cell.source for cell in cells[place + 1 : end]), cells[place].source

    @every_lesson
    def test_one_parameters_cell_of_at_most_five(self, path):
        (cell,) = tagged(nbformat.read(path, 4), "parameters")
        lines = [line for line in cell.source.splitlines() if not line.startswith("#")]
        assert 1 <= len(lines) <= 5 and all(
            re.fullmatch(r"[A-Z_]+ = .+  # .+", line) for line in lines
        )
        assert lines[0].startswith("HANDLE = ")

    @every_lesson
    def test_it_is_stored_executed_in_order_without_errors_or_warnings(self, path):
        cells = [cell for cell in code_cells(nbformat.read(path, 4)) if cell.source.strip()]
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        outputs = [output for cell in cells for output in cell.outputs]
        assert not [
            output
            for output in outputs
            if output.output_type == "error" or output.get("name") == "stderr"
        ]

    @every_lesson
    def test_nothing_in_it_belongs_to_one_machine(self, path):
        text = path.read_text()
        assert not re.search(r"/(?:tmp|root|home|work|Users)/[\w.-]+", text)
        assert "\\u001b" not in text, "terminal colours"
        assert path.stat().st_size < 200_000

    @every_lesson
    def test_cells_are_short_and_explained(self, path):
        notebook = nbformat.read(path, 4)
        lengths = [
            len(cell.source.splitlines())
            for cell in code_cells(notebook)
            if "bootstrap" not in tags(cell)
        ]
        assert max(lengths) <= 20 and statistics.median(lengths) <= 7
        words = sum(
            len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown"
        )
        assert words >= 12 * len(lengths)

    @every_lesson
    def test_at_most_one_cell_in_ten_is_not_compared(self, path):
        cells = code_cells(nbformat.read(path, 4))
        ignored = [
            c
            for c in cells
            if "nbval-ignore-output" in tags(c) or "NBVAL_" in c.source or "nbval-skip" in tags(c)
        ]
        assert len(ignored) * 10 <= len(cells)

    @every_lesson
    def test_nothing_is_installed_outside_the_bootstrap_cell(self, path):
        for cell in code_cells(nbformat.read(path, 4)):
            assert "bootstrap" in tags(cell) or not re.search(
                r"[!%]\s*pip|pip install", cell.source
            )

    @every_lesson
    def test_every_figure_is_said_in_words(self, path):
        cells = nbformat.read(path, 4).cells
        for number, cell in enumerate(cells):
            if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
                after = " ".join(
                    c.source for c in cells[number + 1 : number + 3] if c.cell_type == "markdown"
                )
                assert re.search(r"\b(figure|image|map|chart)\b", after, re.IGNORECASE), cell.source

    @every_lesson
    def test_every_figure_is_stored(self, path):
        for cell in code_cells(nbformat.read(path, 4)):
            assert "plt.show()" not in cell.source or any(
                "image/png" in o.get("data", {}) for o in cell.outputs
            )

    @every_lesson
    def test_links_lead_somewhere(self, path):
        notebook = nbformat.read(path, 4)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not urllib.parse.urlsplit(target).scheme and not target.startswith("#"):
                assert (path.parent / urllib.parse.unquote(target.partition("#")[0])).exists(), (
                    target
                )
        following = LESSONS[LESSONS.index(path) + 1 :]
        assert not following or f"]({following[0].name})" in text

    def test_there_is_a_ledger_in_every_lesson_that_crosses_a_border(self):
        with_ledger = [
            path.stem[:2] for path in LESSONS if tagged(nbformat.read(path, 4), "parity-ledger")
        ]
        assert set(with_ledger) >= {"00", "03", "04", "10", "20", "22", "23", "30", "40", "50"}

    def test_the_first_lesson_links_to_all_others(self):
        text = LESSONS[0].read_text(encoding="utf-8")
        assert not [path.name for path in LESSONS[1:] if f"]({path.name})" not in text]

    def test_each_part_is_a_decade_numbered_without_a_gap(self):
        for part, names in itertools.groupby(NAMES, key=lambda name: name[0]):
            numbers = [int(name[:2]) for name in names]
            assert numbers == list(range(10 * int(part), 10 * int(part) + len(numbers)))
