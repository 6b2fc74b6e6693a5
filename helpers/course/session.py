"""What each lesson's kernel does first: hide TensorFlow's chatter, and give memory back.

TensorFlow and XNNPACK log from C++, straight to file descriptor 2. So that goes to a file, whose
lines are shown after each cell, but for those on the list below: an error is never lost.
"""

import contextlib
import ctypes
import gc
import logging
import os
import re
import sys
import tempfile
import warnings

# The lines from ^loc on are a conversion's that fails, which says them again in its Python error.
CHATTER = r"""oneDNN custom operations are on
Could not find cuda drivers|failed call to cuInit|cuda_diagnostics|no CUDA-capable device
Unable to register cu\w+ (factory|plugin)
This TensorFlow binary is optimized|To enable the following instructions|rebuild TensorFlow
All log messages before absl::InitializeLog
Created TensorFlow Lite XNNPACK delegate
fully_quantize: \d
^\S+ \S+ +\d+ (saved_model|loader|reader|single_machine|devices|grappler)\w*\.(cc|h):
^\S+ \S+ +\d+ (mlir_graph_opt|merge_async_calls|tf_tfl_flatbuffer|flatbuffer_exp)\w*\.(cc|h):
^[WI]\d{4} .*\.(cc|h):\d+\]
^[\d-]+ [\d:.]+: [IW] \S+\.(cc|h):\d+\]
^INFO: \[\w+\.cc:\d+\]
^WARNING: \[npu_registry|^WARNING: \[compiler_plugin.*Openvino|^└ Could not load .*openvino
^loc\(|^(<unknown>:0: )?error: (failed while converting|failed to convert value attribute)
^(<unknown>:0: )?error: Lowering tensor list ops
^Some ops (are not supported by the native|in the model are custom)|^See instructions: https://
^(TF Select|Custom|Flex|Resource) ops: |^Details:$|^\ttf\.\w+\("""
KNOWN = re.compile("|".join(CHATTER.splitlines()))


def filtered(text: str) -> str:
    """Return `text` without the lines that are known chatter."""
    kept = [line for line in text.splitlines() if line.strip() and not KNOWN.search(line)]
    return "".join(line + "\n" for line in kept)


def start(tensorflow: bool = True) -> None:
    """Begin, once, before TensorFlow is imported (if it ever is). Outside Jupyter: nothing."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or hasattr(shell, "_chatter"):
        return
    log, path = tempfile.mkstemp(prefix="chatter-")
    shell._chatter = reader = open(path, "rb")
    with contextlib.suppress(PermissionError):  # Windows keeps a file that is open
        os.unlink(path)
    os.dup2(log, 2)
    # tensorflow_hub's last release uses it; requirements.txt has the setuptools it needs.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    # In a notebook TensorFlow's logger also says INFO, such as the folder of each saved model.
    logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.WARNING)
    # keras imports scipy, if there, for layers that no lesson uses: 70 MB and a second.
    if tensorflow and "tensorflow" not in sys.modules:
        sys.modules.setdefault("scipy", None)
    glibc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if glibc:  # with one heap, what a conversion frees can go back to the system
        glibc.mallopt(-8, 1)  # M_ARENA_MAX

    def after_cell(*_):
        print(filtered(reader.read().decode(errors="replace")), end="", file=sys.stderr)
        gc.collect()
        if "tensorflow" in sys.modules and sys.modules.get("scipy", "") is None:  # once
            del sys.modules["scipy"]  # from now on a lesson may import it
            gc.freeze()  # TensorFlow stays: with its objects set aside, a collection is quick
        if glibc:
            glibc.malloc_trim(0)

    shell.events.register("post_run_cell", after_cell)
