"""A DAG run's conf, checked: values can neither leave an object prefix nor stand for more than one subject."""

from __future__ import annotations

import re
from typing import Any

from .config import FIELDS, Kind
from .errors import ConfRefused

# Ids as they may come in, with what a userId may hold besides; no slash, no wildcard, no white space.
_ID = re.compile(r"[A-Za-z0-9._:@+~-]{1,160}")


def checked_fields(kind: Kind, conf: dict[str, Any]) -> dict[str, str]:
    """The fields that say whom to erase. Raises ConfRefused."""
    fields: dict[str, str] = {}
    for name in FIELDS[kind]:
        value = conf.get(name)
        if not isinstance(value, str) or not _ID.fullmatch(value) or value in (".", ".."):
            problem = "is missing" if value is None else "is not an id"
            raise ConfRefused(f"conf.{name} {problem}: 1 to 160 of A-Z a-z 0-9 . _ : @ + ~ - are allowed")
        fields[name] = value
    return fields


def is_dry_run(conf: dict[str, Any]) -> bool:
    """Whether to count only. Raises ConfRefused for anything but true, false or nothing: a guess could erase."""
    value = conf.get("dry_run", False)
    if not isinstance(value, bool):
        raise ConfRefused("conf.dry_run must be true or false")
    return value


def expected_counts(conf: dict[str, Any]) -> dict[str, int]:
    """How much of each kind the inventory knew of when the job was sent. Empty when the conf does not say: it decides nothing."""
    expected = conf.get("expected")
    if not isinstance(expected, dict):
        return {}
    return {kind: n for kind, n in expected.items() if isinstance(kind, str) and isinstance(n, int) and not isinstance(n, bool) and n >= 0}


def object_prefix(template: str, fields: dict[str, str]) -> str:
    """The prefix with its placeholders filled. Raises ConfRefused if it would leave its place."""
    prefix = template.format_map(fields)
    segments = prefix[:-1].split("/")
    if not prefix.endswith("/") or any(segment in ("", ".", "..") for segment in segments):
        raise ConfRefused(f"the prefix {template!r} would leave its place with this conf")
    return prefix
