"""The sandbox: whatever a function does to its process, the caller gets its value or one error."""

import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from conftest import ROOT
from helpers import convert
from hub_to_tflite import sandbox
from hub_to_tflite.sandbox import SandboxError, Worker, call, memory


def loud(text):
    """Write to standard output and error, from Python and below it."""
    print(text)
    os.write(1, b"native out\n")
    os.write(2, b"native error\n")
    return sys.stdin.read()


def loud_failure(text):
    loud(text)
    raise ValueError(text)


def raise_one_that_unpickles_badly():
    raise Awkward("a", "b")


class Awkward(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_tensorflow_s():
    """Stands for TensorFlow: a module that the parent has not loaded, and would have to."""
    sys.modules["tensorflow"] = module = type(sys)("tensorflow")
    module.OpError = type("OpError", (Exception,), {"__module__": "tensorflow"})
    raise module.OpError("no such op")


def parent_of_one_that_fails():
    """Return the name of the error, and whether TensorFlow was loaded for it."""
    return raised(raise_tensorflow_s).name, "tensorflow" in sys.modules


def keep(value):
    sys.kept = value


def kept():
    return getattr(sys, "kept", None)


def fill(size):
    return len(bytearray(size))


def bad_alloc():
    """What a C++ library does that gets no memory."""
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def start_another():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid


def start_another_and_sleep(path):
    with open(path, "w") as file:
        file.write(str(start_another()))
    time.sleep(600)


def raised(function, *args, **limits):
    with pytest.raises(SandboxError) as caught:
        call(function, *args, **limits)
    return caught.value


def gone(pid):
    """Wait for the end of a process; raises TimeoutExpired if it lives on."""
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            process.wait(30)
    except psutil.NoSuchProcess:
        pass
    return True


def test_arrays_bytes_and_plain_things_go_there_and_back():
    array = np.arange(600_000, dtype=np.int16).reshape(2, -1)
    np.testing.assert_array_equal(call(np.negative, array), -array)
    assert call(dict, {"a": [b"\0" * 10, None, 1.5]}) == {"a": [b"\0" * 10, None, 1.5]}


@pytest.mark.parametrize(
    ("function", "args", "limits", "ending", "words"),
    [
        (os.abort, (), {}, "signal", r"ran posix.abort ended with signal 6 \(SIGABRT\)"),
        (os._exit, (3,), {}, "exit", "ended with status 3"),
        (sys.exit, (4,), {}, "exit", "ended with status 4"),
        (time.sleep, (60,), {"seconds": 0.2}, "timeout", "still busy after 0.2 seconds"),
        (fill, (2**33,), {"memory": 2**28}, "memory", "ran out of memory"),
        (bad_alloc, (), {}, "memory", "more memory than it got"),
        (raise_tensorflow_s, (), {}, "exception", "OpError: no such op"),
        (raise_one_that_unpickles_badly, (), {}, "exception", "Awkward: a and b"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_ending_is_one_error_that_says_how(function, args, limits, ending, words):
    error = raised(function, *args, **limits)
    assert error.ending == ending
    with pytest.raises(SandboxError, match=words):
        raise error
    assert "memory" not in str(error) or ending == "memory"


def test_a_killed_process_is_no_lack_of_memory():
    error = raised(signal.raise_signal, signal.SIGKILL)
    assert (error.ending, error.name) == ("signal", "signal 9 (SIGKILL)") and "memory" not in str(
        error
    )


def test_an_exception_is_raised_as_itself_if_that_loads_nothing_heavy():
    with pytest.raises(ValueError, match="invalid literal"):
        call(int, "four")
    with pytest.raises(convert.RecipeError, match="no recipe 'int4'"):
        call(convert.check, "int4", None, {})
    assert call(parent_of_one_that_fails) == ("OpError", False)


def test_what_it_prints_stays_out_of_this_process_and_is_kept_for_errors(capfd):
    assert call(loud, "hello") == ""  # standard input is empty
    with pytest.raises(ValueError) as caught:
        call(loud_failure, "hello")
    assert {"hello", "native out", "native error"} <= set(caught.value.log.split("\n"))
    assert capfd.readouterr() == ("", "")


def test_only_what_the_function_needs_is_loaded():
    names = set(call(eval, "list(__import__('sys').modules)"))
    assert not {"numpy", "subprocess", "psutil", "yaml", "hub_to_tflite", "tensorflow"} & names


def test_functions_of_the_program_itself_are_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(loud, "__module__", "__main__")
    with pytest.raises(TypeError, match="Put .* into a module"):
        call(loud, "x")


class TestWorker:
    def test_it_keeps_what_functions_keep_until_it_ends_then_starts_another(self):
        worker = Worker({"FROM_THE_TEST": "1"})
        worker.call(keep, 7)
        assert worker.call(kept) == 7 and worker.call(os.getenv, "FROM_THE_TEST") == "1"
        with pytest.raises(SandboxError, match="SIGABRT"):
            worker.call(os.abort)
        assert worker.call(kept) is None
        worker.close()
        assert worker.call(len, "four") == 4
        worker.close()

    def test_it_lives_on_after_an_exception(self):
        with Worker() as worker:
            worker.call(keep, 7)
            with pytest.raises(ValueError):
                worker.call(int, "four")
            assert worker.call(kept) == 7

    def test_a_limit_is_for_one_call(self):
        with Worker() as worker:
            with pytest.raises(SandboxError, match="memory"):
                worker.call(fill, 2**29, memory=2**28)
            assert worker.call(fill, 2**29, memory=2**30) == worker.call(fill, 2**29) == 2**29
            assert worker.call(np.prod, [2, 3], seconds=60) == 6

    def test_close_ends_the_process(self):
        worker = Worker()
        pid = worker.call(os.getpid)
        worker.close()
        worker.close()
        assert not psutil.pid_exists(pid)

    @pytest.mark.parametrize("busy", ["", "time.sleep, 600"])
    def test_it_ends_with_a_parent_that_is_killed(self, busy):
        code = (
            "import os, time; from hub_to_tflite.sandbox import Worker; worker = Worker();"
            f"print(worker.call(os.getpid), flush=True); worker.call({busy or 'len, []'}); input()"
        )
        command = [sys.executable, "-c", code]
        parent = subprocess.Popen(command, stdin=-1, stdout=-1, text=True, cwd=ROOT)
        pid = int(parent.stdout.readline())
        time.sleep(0.2)  # to be within the second call; the test holds without it
        parent.kill()
        parent.wait()
        assert gone(pid)

    def test_ctrl_c_ends_the_call_and_the_process(self):
        code = (
            "import os, time; from hub_to_tflite.sandbox import Worker; worker = Worker();"
            "print(worker.call(os.getpid), flush=True); worker.call(time.sleep, 600)"
        )
        command = [sys.executable, "-c", code]
        parent = subprocess.Popen(command, stdout=-1, stderr=-1, text=True, cwd=ROOT)
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in parent.communicate(timeout=30)[1] and gone(pid)

    def test_a_timeout_ends_what_the_function_started_too(self, tmp_path):
        raised(start_another_and_sleep, tmp_path / "pid", seconds=3)
        assert gone(int((tmp_path / "pid").read_text()))


def test_an_error_can_be_pickled_itself():
    error = pickle.loads(pickle.dumps(SandboxError("words", "signal", "SIGABRT", "log")))
    assert (str(error), error.ending, error.name, error.log) == (
        "words",
        "signal",
        "SIGABRT",
        "log",
    )


def test_exit_statuses_in_words():
    assert sandbox.describe(-11) == "signal 11 (SIGSEGV)" and sandbox.describe(3) == "status 3"
    assert sandbox.describe(0xC0000005) == "status 0xc0000005"  # Windows' own


class TestMemory:
    def test_the_peak_of_a_process_outlives_what_it_held(self):
        with Worker() as worker:
            pid = worker.call(os.getpid)
            before = memory.peak(pid)
            worker.call(take, 2**26)
            assert 2**26 <= memory.peak(pid) - before < 2**27
            assert worker.call(memory.peak) >= memory.peak(pid)

    def test_a_watch_counts_all_processes_below_it_and_nothing_twice(self):
        with Worker() as worker:
            worker.call(take, 2**26)
            pid = worker.call(os.getpid)
            with memory.Watch(pid) as watch:
                alone = watch.bytes
                worker.call(fork_and_touch, 2**25)
                time.sleep(2 * memory.LOOK)
            assert watch.bytes - alone < 2**25 + 2**24, "shared pages count once"
            with memory.Watch(pid) as watch:
                worker.call(take_in_another, 2**26)
            assert watch.bytes - alone > 2**26

    def test_below_leaves_the_process_itself_out(self):
        with Worker() as worker:
            pid = worker.call(os.getpid)
            assert memory.held(pid, below=True) == 0 < memory.held(pid)
            assert 0 < memory.held(os.getpid(), below=True) < memory.held()

    def test_a_process_that_is_gone_holds_nothing(self):
        with Worker() as worker:
            pid = worker.call(os.getpid)
        assert memory.held(pid) == 0


def take(size):
    return len(bytes(size).replace(b"\0", b"\1"))


def take_in_another(size):
    command = f"import time; held = bytes({size}).replace(b'\\0', b'\\1'); time.sleep(1)"
    subprocess.run([sys.executable, "-c", command], check=True)


def fork_and_touch(size):
    """Hold `size` bytes, and share them with a forked child for half a second."""
    held = bytes(size).replace(b"\0", b"\1")
    child = os.fork()
    if not child:
        time.sleep(0.5)
        os._exit(len(held) == 0)
    os.waitpid(child, 0)
