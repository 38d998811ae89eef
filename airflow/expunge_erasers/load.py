"""Reads erasers.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .check import Check
from .config import Erasers
from .errors import ConfigError


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML lets the last of two equal keys win, and a table would quietly keep its rows."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_erasers(path: str | Path) -> Erasers:
    """Reads and checks the file. Raises ConfigError with every fault."""
    if not path:
        raise ConfigError("environment", ["ERASERS_FILE: is missing; it names your erasers.yaml"])
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read ({error.strerror}); ERASERS_FILE names your erasers.yaml"]) from error
    return parse_erasers(text, str(path))


def parse_erasers(text: str, source: str = "erasers.yaml") -> Erasers:
    """As load_erasers, from the text itself."""
    try:
        document = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(source, [f"is no YAML: {error}"]) from error
    check = Check()
    erasers = check.document(document)
    if check.faults:
        raise ConfigError(source, check.faults)
    return erasers
