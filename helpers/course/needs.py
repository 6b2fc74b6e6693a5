"""What a lesson needs of a model, asked before any work."""

from helpers import handles, savedmodel


def check(handle: str, instead: str = "05_on_your_own", image: bool = False) -> str:
    """Return what handles.check does, if the model takes and returns one float32 array a batch.

    With `image` it takes images, (n, height, width, 1 or 3). Raises HandleError, SavedModelError.
    """
    full = handles.check(handle)
    signatures, _ = savedmodel.read(handles.fetch(full))
    sides = signatures[savedmodel.choose(signatures)]
    specs = [spec for side in sides for spec in side.values()]
    fits = [one.dtype == "float32" and (one.shape or "?")[0] in (None, 1) for one in specs]
    if len(fits) == 2 and all(fits) and (not image or (specs[0].shape[3:] or "?")[0] in (1, 3)):
        return full
    found = " to ".join(", ".join(f"{name} {spec}" for name, spec in one.items()) for one in sides)
    kind = "a batch of images" if image else "one float32 array, a batch first,"
    raise handles.HandleError(
        f"This lesson needs a model from {kind} to one output. Found: {found}. Take {instead}."
    )
