"""What each lesson's kernel does first: keep TensorFlow's chatter from the reader, give memory back.

TensorFlow and XNNPACK log from C++, straight to file descriptor 2. Log levels hide only part of it: the
oneDNN and CUDA notices come before the level is read, the XNNPACK one never asks. So descriptor 2 goes to
a file, and after each cell every line that is not on the short list below is shown, in full. A real error
is therefore never lost, only a little late.
"""

import contextlib
import ctypes
import logging
import os
import re
import sys
import tempfile
import warnings

CHATTER = re.compile(
    "|".join(
        [
            r"oneDNN custom operations are on",
            r"Could not find cuda drivers",
            r"Unable to register cu\w+ (factory|plugin)",
            r"This TensorFlow binary is optimized|To enable the following instructions|rebuild TensorFlow",
            r"All log messages before absl::InitializeLog",
            r"failed call to cuInit|cuda_diagnostics|no CUDA-capable device",
            r"Created TensorFlow Lite XNNPACK delegate",
            r"fully_quantize: \d",
            r"^\S+ \S+ +\d+ (saved_model|loader|reader|single_machine|devices|grappler|mlir_graph_optimization_pass"
            r"|tf_tfl_flatbuffer_helpers|flatbuffer_export|merge_async_calls)\w*\.(cc|h):",
            r"^[WI]\d{4} .*\.(cc|h):\d+\]",
            r"^INFO: \[\w+\.cc:\d+\]",
            # A conversion that fails says all this again in its Python error.
            r"^loc\(|^error: (failed while converting|Lowering tensor list ops|failed to convert value attribute)",
            r"^Some ops (are not supported by the native|in the model are custom)|^See instructions: https://\S+/ops_",
            r"^(TF Select|Custom|Flex) ops: |^Details:$|^\ttf\.\w+\(",
            r"^WARNING: \[npu_registry|^WARNING: \[compiler_plugin.*Openvino|^└ Could not load .*openvino",
        ]
    )
)


def filtered(text):
    """Return `text` without the lines that are known chatter."""
    kept = [line for line in text.splitlines() if line.strip() and not CHATTER.search(line)]
    return "".join(line + "\n" for line in kept)


def start():
    """Begin: call it once, before TensorFlow is imported. Outside Jupyter it does nothing."""
    try:
        shell = get_ipython()
    except NameError:
        return
    if hasattr(shell, "_chatter"):
        return
    log, path = tempfile.mkstemp(prefix="chatter-")
    shell._chatter = reader = open(path, "rb")
    with contextlib.suppress(PermissionError):  # Windows keeps a file that is open
        os.unlink(path)
    os.dup2(log, 2)
    # tensorflow_hub 0.16.1 is the last release; requirements.txt holds setuptools where it needs it.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    # In a notebook TensorFlow's own logger says INFO too, such as the folder of each model that is saved.
    logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.WARNING)
    # keras imports scipy where it is installed, for layers that no lesson uses: 70 MB and a second for every kernel.
    if "tensorflow" not in sys.modules:
        sys.modules.setdefault("scipy", None)
    glibc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if glibc:
        # One heap arena (M_ARENA_MAX, see mallopt(3)): what a conversion frees can then go back to the system.
        glibc.mallopt(-8, 1)

    def after_cell(*_):
        print(filtered(reader.read().decode(errors="replace")), end="", file=sys.stderr)
        if "tensorflow" in sys.modules and sys.modules.get("scipy", "") is None:
            del sys.modules["scipy"]  # from now on a lesson may import it
        if glibc:
            glibc.malloc_trim(0)

    shell.events.register("post_run_cell", after_cell)
