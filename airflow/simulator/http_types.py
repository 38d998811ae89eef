"""What the routes and the server share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable

_SEGMENT = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Request:
    """A request whose path has matched: its path parameters in order, its query, its JSON body or None."""

    params: tuple[str, ...]
    query: dict[str, list[str]]
    body: Any

    def document(self) -> dict[str, Any]:
        """The body, which must be an object. Raises HttpError."""
        if not isinstance(self.body, dict):
            raise invalid("model_attributes_type", ["body"], "Input should be a valid dictionary", self.body)
        return self.body


class HttpError(Exception):
    """An answer other than 2xx; `detail` as FastAPI has it."""

    def __init__(self, status: int, detail: Any):
        super().__init__(str(detail))
        self.status = status
        self.detail = detail


def invalid(kind: str, where: list[Any], message: str, given: Any) -> HttpError:
    """FastAPI's 422."""
    return HttpError(422, [{"type": kind, "loc": where, "msg": message, "input": given}])


Answer = tuple[int, Any]
Handler = Callable[[Request], Answer]


class Router:
    """Routes by method and path template."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, template: str, handler: Handler) -> None:
        """`template` such as `/api/v2/dags/{dag}`; a parameter is one percent-encoded segment."""
        parts = _SEGMENT.split(template)
        self._routes.append((method, re.compile("([^/]+)".join(re.escape(part) for part in parts)), handler))

    def find(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
        """The handler of a path. Raises HttpError 404 or 405."""
        known = False
        for route_method, pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match and route_method == method:
                return handler, match.groups()
            known = known or bool(match)
        raise HttpError(405, "Method Not Allowed") if known else HttpError(404, "Not Found")
