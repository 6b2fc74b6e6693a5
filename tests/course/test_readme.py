"""README and docs: the code runs as its comments say, generated parts are current, links work."""

import json
import re
import subprocess
import sys
from urllib.parse import unquote

import pytest

from tools.course import notebooks, readme

PAGES = [
    readme.ROOT / "README.md",
    readme.ROOT / "CONTRIBUTING.md",
    *sorted((readme.ROOT / "docs").glob("*.md")),
]


def test_the_readmes_code_runs_and_its_comments_are_true(tmp_path):
    code = re.search(r"```python\n(.*?)```", readme.README.read_text(encoding="utf-8"), re.DOTALL)[
        1
    ]
    *statements, last = code.strip().splitlines()
    program = "\n".join([*statements, "import json", f"same = int({last.partition('#')[0]})"])
    program += "\nprint(json.dumps([len(images), len(content), same]))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    count, size, same = json.loads(done.stdout.splitlines()[-1])
    for comment in (
        f"# {count} handwritten digits\n",
        f".tflite, {size / 1e6:.1f} MB\n",
        f"same class for {same} of {count}\n",
    ):
        assert comment in code, comment


@pytest.mark.parametrize("path", readme.PAGES, ids=lambda path: path.name)
def test_generated_parts_are_there_and_current(path):
    text = path.read_text(encoding="utf-8")
    assert [part[2] for part in readme.PART.finditer(text)] == list(readme.PAGES[path])
    assert readme.generated(path, readme.PAGES[path]) == text, "run: make readme"


@pytest.mark.parametrize("path", notebooks.every(), ids=lambda path: path.stem)
def test_each_lesson_has_a_summary_for_the_site(path):
    assert readme.summary(path), "its metadata need a `summary`: what the reader has at the end"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(path):
    code = re.compile(r"```.*?```|^    .*?$|`[^`\n]+`(?!\])", re.DOTALL | re.MULTILINE)
    text = code.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", text):
        file, _, heading = target.partition("#")
        linked = (path.parent / unquote(file)).resolve() if file else path
        assert linked.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings]
            assert heading in anchors, target
