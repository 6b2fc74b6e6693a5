"""What a lesson needs of a model, asked before any work."""

from pathlib import Path

from helpers import convert, handles, savedmodel


def check(handle: str, instead: str = "05_on_your_own", image=False, converts=True) -> str:
    """Return what handles.check does, if serving_default takes and returns one float32 array each.

    Both have a batch. `image`: it takes (n, height, width, 1 or 3). `converts`: that's tried, but
    for the course's own model. Raises HandleError, SavedModelError.
    """
    full = handles.check(handle)
    signatures, _ = savedmodel.read(folder := handles.fetch(full))
    sides = signatures[name := savedmodel.choose(signatures)]
    specs = [spec for side in sides for spec in side.values()]
    fits = [one.dtype == "float32" and (one.shape or "?")[0] in (None, 1) for one in specs]
    shape = (specs[0].shape or ())[1:]
    wrong = not shape or image and (None in shape or (shape[2:] or "?")[0] not in (1, 3))
    if name != "serving_default" or len(fits) != 2 or not all(fits) or wrong:
        found = " to ".join(", ".join(f"{name} {one[name]}" for name in one) for one in sides)
        kind = "a batch of images" if image else "one float32 array, a batch first,"
        what = f"This lesson needs serving_default, from {kind} to one output"
        raise handles.HandleError(f"{what}. Found: {name}, from {found}. Take {instead}.")
    if converts and not full.endswith(handles.DEFAULT):
        converted(folder)
    return full


def converted(folder: str | Path) -> Path:
    """Return the path of a SavedModel's float32 .tflite, or raise a HandleError that names 30."""
    try:
        return convert.convert_cached(folder)
    except Exception as error:
        found = f"This model doesn't convert as it is. Found: {str(error).strip()[:200]}"
        raise handles.HandleError(f"{found}. Take 30_fix_failed_conversions.") from None
