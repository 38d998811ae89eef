"""The HTTP server: tokens, faults that were asked for, and the routes."""

from __future__ import annotations

import json
import secrets
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .airflow_routes import AirflowRoutes
from .control_routes import ControlRoutes
from .http_types import Answer, HttpError, Request, Router
from .knobs import BadKnob, Knobs
from .scheduler import Scheduler

_OPEN_PATHS = ("/auth/token", "/api/v2/monitor/health", "/api/v2/version")


class Tokens:
    """Bearer tokens; with no credentials everyone may come in, as Airflow's all-admins mode."""

    def __init__(self, credentials: tuple[str, str] | None):
        self._credentials = credentials
        self._issued: set[str] = set()

    def login(self, request: Request) -> Answer:
        """POST /auth/token."""
        body = request.document()
        if self._credentials is not None and (body.get("username"), body.get("password")) != self._credentials:
            raise HttpError(401, "Invalid credentials")
        return self._issue()

    def login_as_anyone(self, _: Request) -> Answer:
        """GET /auth/token, which Airflow allows in all-admins mode only."""
        if self._credentials is not None:
            raise HttpError(403, "This method is only allowed if ``[core] simple_auth_manager_all_admins`` is True")
        return self._issue()

    def expire(self, _: Request) -> Answer:
        """All tokens are worth nothing from now on."""
        self._issued.clear()
        return 200, {}

    def check(self, path: str, authorization: str | None) -> None:
        """Raises HttpError."""
        if self._credentials is None or path in _OPEN_PATHS:
            return
        if not authorization:
            raise HttpError(401, "Not authenticated")
        if authorization.removeprefix("Bearer ") not in self._issued:
            raise HttpError(403, "Invalid JWT token")

    def _issue(self) -> Answer:
        token = secrets.token_urlsafe(32)
        self._issued.add(token)
        return 201, {"access_token": token}


class Server(ThreadingHTTPServer):
    """Listens at once; call serve_forever."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], scheduler: Scheduler, knobs: Knobs, credentials: tuple[str, str] | None):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.knobs = knobs
        self.tokens = Tokens(credentials)
        self.router = Router()
        self.router.add("POST", "/auth/token", self.tokens.login)
        self.router.add("GET", "/auth/token", self.tokens.login_as_anyone)
        self.router.add("POST", "/simulator/expire-tokens", self.tokens.expire)
        AirflowRoutes(scheduler).add_to(self.router)
        ControlRoutes(scheduler, knobs).add_to(self.router)
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "airflow-simulator"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def _serve(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        fault = self._fault(method, url.path)
        if fault is not None:
            time.sleep(fault["delay_ms"] / 1000)
        if fault is not None and fault["status"] is not None and not fault["after"]:
            self._answer_fault(fault)
            return
        status, body = self._answer(method, url.path, url.query, raw)
        if fault is not None and fault["status"] is not None:
            self._answer_fault(fault)
        else:
            self._send(status, body)

    def _fault(self, method: str, path: str) -> dict[str, Any] | None:
        # Only what is about runs misbehaves: the health and the control paths stay of use.
        return self.server.knobs.fault(method) if "/dagRuns" in path else None

    def _answer(self, method: str, path: str, query: str, raw: bytes) -> Answer:
        try:
            self.server.tokens.check(path, self.headers.get("Authorization"))
            handler, params = self.server.router.find(method, path)
            return handler(Request(tuple(map(unquote, params)), parse_qs(query), _parsed(raw)))
        except HttpError as error:
            return error.status, {"detail": error.detail}
        except BadKnob as error:
            return 422, {"detail": str(error)}
        except Exception as error:
            self.log_error("%s %s: %r", method, path, error)
            return 500, {"detail": "Internal Server Error"}

    def _answer_fault(self, fault: dict[str, Any]) -> None:
        if fault["status"] == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = {} if fault["retry_after_s"] is None else {"Retry-After": str(fault["retry_after_s"])}
        self._send(fault["status"], {"detail": "Simulated fault"}, headers)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body, separators=(",", ":")).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Requests are not logged: paths hold job ids, and stats counts them."""


def _parsed(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError as error:
        detail = {"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "input": {}, "ctx": {"error": str(error)}}
        raise HttpError(422, [detail]) from error
