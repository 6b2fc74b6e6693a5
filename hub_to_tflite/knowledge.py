"""What the rooms know and say: YAML beside their code, read when it's asked for, and templates."""

from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache
def load(path: Path) -> Any:
    """Return the content of a YAML file. It is shared: don't change it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, ten times as fast
    return yaml.load(path.read_text(encoding="utf-8"), loader)


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
