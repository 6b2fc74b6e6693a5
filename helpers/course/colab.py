"""What Google Colab lacks. Called by the first cell of every notebook, on Colab only.

Another TensorFlow than Colab's would break the session, so only what is missing is installed.
"""

import importlib.metadata
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"
NAMES = """tensorflow-hub tf_keras ai-edge-litert numpy matplotlib platformdirs psutil scipy
tensorflow-model-optimization litert-quantizer tflite-micro flatbuffers pillow ipycanvas"""


def missing() -> list[str]:
    """Return the names in requirements.txt that the lessons use and this Python lacks."""
    names = re.findall(r"^[\w.-]+", REQUIREMENTS.read_text(), re.MULTILINE)
    there = importlib.metadata.distributions
    return [name for name in names if name in NAMES.split() and not list(there(name=name))]


def install_missing() -> None:
    """Install what `missing` names, with pip, keeping the TensorFlow that is there."""
    wanted = missing()
    if not wanted:
        return
    print("Installing", ", ".join(wanted))
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as held:
        held.write(f"tensorflow=={importlib.metadata.version('tensorflow')}\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", held.name]
    subprocess.run([*pip, *wanted], check=True)
