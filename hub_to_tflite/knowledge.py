"""What the rooms know, as YAML beside their code: read when it's asked for, and once."""

from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache
def load(path: Path) -> Any:
    """Return the content of a YAML file. It is shared: don't change it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, ten times as fast
    return yaml.load(path.read_text(encoding="utf-8"), loader)
