"""Templates: what they show, what they escape, and that a fact that's missing is noticed."""

import jinja2
import pytest

from hub_to_tflite import knowledge


def written(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_lines_of_blocks_leave_no_trace_and_the_last_line_ends(tmp_path):
    template = written(
        tmp_path, "a.md.j2", "{% for one in ones %}\n  - {{ one }}\n  {% endfor %}\n"
    )
    assert knowledge.render(template, ones=["<b>", 2]) == "  - <b>\n  - 2\n"


def test_a_page_escapes_what_it_shows(tmp_path):
    template = written(tmp_path, "a.html.j2", "<p>{{ text }}</p>\n")
    assert knowledge.render(template, text="<b>") == "<p>&lt;b&gt;</p>\n"


def test_a_fact_that_is_missing_is_an_error(tmp_path):
    template = written(tmp_path, "a.md.j2", "{{ missing }}")
    with pytest.raises(jinja2.UndefinedError, match="missing"):
        knowledge.render(template, other=1)


@pytest.mark.parametrize("keeps", [True, False])
def test_what_is_kept_of_a_file_is_what_is_in_it_now(tmp_path, monkeypatch, keeps):
    monkeypatch.setattr(knowledge.sys, "dont_write_bytecode", not keeps)
    path, cache = tmp_path / "a.yaml", tmp_path / "__pycache__"
    cache.mkdir()
    for text, found in (("a: 1", {"a": 1}), ("a: 2", {"a": 2})):
        path.write_text(text)
        for _ in range(2):  # read, then kept
            knowledge.load.cache_clear()
            assert knowledge.load(path) == found
    assert [one.name for one in cache.iterdir()] == ["a.yaml"] * keeps


def test_a_file_is_read_where_nothing_can_be_kept(tmp_path):
    (path := tmp_path / "a.yaml").write_text("a: 1")
    knowledge.load.cache_clear()
    assert knowledge.load(path) == {"a": 1} and list(tmp_path.iterdir()) == [path]
