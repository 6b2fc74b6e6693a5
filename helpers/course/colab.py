"""What Google Colab lacks. Called by the first cell of every notebook, on Colab only."""

import importlib.metadata
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
ALL = "tensorflow-hub tf-keras ai-edge-litert numpy matplotlib platformdirs psutil pillow"
MORE = {"21": "litert-quantizer", "22": "tensorflow-model-optimization"}  # by lesson
MORE |= dict.fromkeys(("32", "40", "41", "43"), "tflite-micro")
MORE |= {"42": "tflite-micro ipycanvas", "50": "tflite-micro papermill"}


def install_missing(lesson: str) -> None:
    """Install what a lesson such as "21" lacks, in the lock's versions; what's there stays so."""
    there = {one.name: one.version for one in importlib.metadata.distributions()}
    names = {re.sub("[._]", "-", name).lower() for name in there}
    wanted = [name for name in f"{ALL} {MORE.get(lesson, '')}".split() if name not in names]
    if not wanted:
        return
    print("Installing", ", ".join(wanted))
    locked = re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK.read_text(), re.MULTILINE)
    pins = {name: one for name, one in locked if name not in {*names, "tf-keras"}} | there
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as held:
        held.writelines(f"{name}=={version}\n" for name, version in pins.items())
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--constraint", held.name]
    subprocess.run([*pip, *wanted], check=True)
