"""The cells of a lesson, run without a kernel: for a sandbox, since they change its process."""

import os


def run(folder: str, before: list[str], parameters: dict, after: list[str]) -> None:
    """Run cells in a folder, with parameters between those `before` and those `after`."""
    os.chdir(folder)
    names = {"__name__": "__main__"}
    for source in before:
        exec(compile(source, "cell", "exec"), names)
    names.update(parameters)
    for source in after:
        exec(compile(source, "cell", "exec"), names)
