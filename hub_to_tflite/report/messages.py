"""What the report's errors and warnings say: the texts of messages.yaml, filled in."""

from pathlib import Path
from typing import Any

from hub_to_tflite import knowledge


def message(key: str, /, **found: Any) -> str:
    """Return the text called `key` with what was found."""
    return knowledge.load(Path(__file__).with_name("messages.yaml"))[key].format(**found)
