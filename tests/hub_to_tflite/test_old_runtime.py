"""What `identify` says of old runtimes, against a real one."""

import pytest

from conftest import real_models
from helpers import convert, digits, handles
from hub_to_tflite.file import flatbuffer
from tests import old_runtime


@pytest.fixture(scope="module", autouse=True)
def runtime():
    try:
        old_runtime.packages(fetch=False)
    except old_runtime.OldRuntimeError as error:
        pytest.skip(str(error))


def agree(paths):
    """That it refuses just the files that are said to need a later release; return how many."""
    refused = old_runtime.refusals(paths)
    needs = {path: flatbuffer.read(path.read_bytes()).runtime for path in paths}
    too_new = {
        path
        for path, release in needs.items()
        if release and tuple(map(int, release.split(".")[:2])) > old_runtime.RELEASE
    }
    assert set(refused) == too_new, (refused, needs)
    for path, said in refused.items():
        assert "Didn't find op for builtin opcode" in said, path
    return len(refused)


def test_it_refuses_just_what_is_said_to_need_a_later_release():
    folder = handles.fetch(handles.check(handles.DEFAULT))
    samples = digits.representative((None, 48, 48, 3))
    paths = [convert.convert_cached(folder, recipe, samples) for recipe in convert.RECIPES]
    assert 0 < agree(paths) < len(paths)


def test_on_files_that_nobody_here_made():
    agree(sorted(real_models("tflite").glob("*.tflite")))
