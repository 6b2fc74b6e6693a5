"""What the rooms know and say: YAML beside their code, read when it's asked for, and templates."""

import contextlib
import hashlib
import pickle
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache
def load(path: Path) -> Any:
    """Return the content of a YAML file. It is shared: don't change it.

    Once read, it's kept beside Python's compiled modules, as they are: from there the errors come
    in a thirtieth of the time, until their file changes.
    """
    content = path.read_bytes()
    digest, compiled = hashlib.sha256(content).digest(), path.parent / "__pycache__" / path.name
    with contextlib.suppress(OSError):
        kept = compiled.read_bytes()
        if kept.startswith(digest):
            return pickle.loads(kept[len(digest) :])
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, ten times as fast
    found = yaml.load(content.decode(), loader)
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError, ImportError):  # the doctor's page has no helpers
            from helpers.course import cache

            cache.write(compiled, digest + pickle.dumps(found))
    return found


def render(template: Path, /, **facts: Any) -> str:
    """Return a Jinja template, filled in. One of HTML escapes what it shows."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(facts)
