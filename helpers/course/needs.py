"""What a lesson needs of a model, asked before any work."""

from helpers import convert, handles, savedmodel


def check(handle: str, instead: str = "05_on_your_own", image=False, converts=True) -> str:
    """Return what handles.check does, if the model takes and returns one float32 array a batch.

    `image`: it takes images, (n, height, width, 1 or 3). `converts`: it's converted to see that it
    can be, unless it's the course's own. Raises HandleError, SavedModelError.
    """
    full = handles.check(handle)
    folder = handles.fetch(full)
    signatures, _ = savedmodel.read(folder)
    sides = signatures[savedmodel.choose(signatures)]
    specs = [spec for side in sides for spec in side.values()]
    fits = [one.dtype == "float32" and (one.shape or "?")[0] in (None, 1) for one in specs]
    if len(fits) != 2 or not all(fits) or image and (specs[0].shape[3:] or "?")[0] not in (1, 3):
        found = " to ".join(", ".join(f"{name} {one[name]}" for name in one) for one in sides)
        kind = "a batch of images" if image else "one float32 array, a batch first,"
        what = f"This lesson needs a model from {kind} to one output"
        raise handles.HandleError(f"{what}. Found: {found}. Take {instead}.")
    try:
        if converts and not full.endswith(handles.DEFAULT):
            convert.convert_cached(folder)
    except Exception as error:
        found = (
            f"Found: {str(error).strip().splitlines()[0][:200]}. Take 30_fix_failed_conversions."
        )
        raise handles.HandleError(f"This model doesn't convert as it is. {found}") from None
    return full
