"""Classify images with a .tflite, without TensorFlow. One file, made to be copied.

    pip install ai-edge-litert numpy pillow
    python predict.py model.tflite one.png two.png

Labels and the input's range are read from what is packed into the model (labels.txt,
contract.json). Without them a class is its number, and black to white is 0 to 1, or in an integer
model all that the integers represent.
"""

import json
import sys
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

FILES = ("labels.txt", "contract.json")


def load(path: str, threads: int = 1) -> tuple:
    """Return (interpreter, labels, range of the input's real values or None)."""
    with open(path, "rb") as file:
        content = file.read()
    if content[4:8] != b"TFL3":
        found = f"its bytes 4 to 8 are {content[4:8]}"
        raise ValueError(f"{path} is not a .tflite: {found}. Give the model first.")
    model = Interpreter(model_content=content, num_threads=threads)
    model.allocate_tensors()
    packed = {}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in FILES if name in archive.namelist()]
            packed = {name: archive.read(name).decode() for name in names}
    limits = json.loads(packed.get("contract.json", "{}")).get("range")
    return model, packed.get("labels.txt", "").splitlines(), limits


def predict(model: Interpreter, path: str, limits: tuple | None = None) -> np.ndarray:
    """Return the scores of an image, float32 (classes,)."""
    [source], target = model.get_input_details(), model.get_output_details()[0]
    shape, dtype, (scale, zero_point) = source["shape"], source["dtype"], source["quantization"]
    if len(shape) != 4 or shape[3] not in (1, 3) or dtype != np.float32 and not scale:
        wanted = f"{np.dtype(dtype)} {tuple(map(int, shape))}"
        raise ValueError(f"The model takes {wanted}, and this program has images.")
    image = Image.open(path).convert("RGB" if shape[3] == 3 else "L")
    if image.size != (shape[2], shape[1]):
        found = f"{path} has {image.width} x {image.height} pixels"
        wanted = f"{shape[2]} x {shape[1]}, as the training images were"
        raise ValueError(f"{found}. Resize it to {wanted}.")
    ends = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max]) if scale else None
    low, high = limits or ((ends - zero_point) * scale if scale else (0, 1))
    values = np.asarray(image, np.float32).reshape(shape) / 255 * (high - low) + low
    if scale:  # an integer model: real value = (integer - zero point) * scale
        values = np.clip(np.round(values / np.float32(scale)) + zero_point, *ends)
    model.set_tensor(source["index"], values.astype(dtype))
    model.invoke()
    scores, (scale, zero_point) = model.get_tensor(target["index"])[0], target["quantization"]
    return (scores.astype(np.float32) - zero_point) * np.float32(scale) if scale else scores


if __name__ == "__main__":
    try:
        model, labels, limits = load(sys.argv[1])
        for path in sys.argv[2:]:
            scores = predict(model, path, limits)
            top = int(scores.argmax())
            print(path, labels[top] if top < len(labels) else top, f"{scores[top]:.3f}", sep="\t")
    except (IndexError, OSError, ValueError, RuntimeError) as error:  # Pillow's and LiteRT's, too
        sys.exit(f"predict.py MODEL IMAGE ...: {error}")
