"""Real PostgreSQL, a fence and a simulator for the tests."""

from __future__ import annotations

import glob
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

import psycopg
import pytest

from expunge_erasers.load import parse_erasers


def wait_for(condition: Callable[[], Any], timeout_s: float = 10) -> Any:
    """The condition's first true value."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"did not come true within {timeout_s} s")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _postgres_programs() -> Path | None:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or [shutil.which("initdb")]
    return Path(found[-1]).parent if found[-1] else None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """TEST_DATABASE_URL, or a server of our own. Fails when there is neither."""
    if os.environ.get("TEST_DATABASE_URL"):
        yield os.environ["TEST_DATABASE_URL"]
        return
    programs = _postgres_programs()
    if programs is None:
        pytest.fail("These tests need PostgreSQL: install it, or set TEST_DATABASE_URL to a database that may be written to")
    # initdb refuses to run as root.
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    folder = tempfile.mkdtemp(prefix="expunge-pg-", dir="/tmp")
    if user:
        shutil.chown(folder, **user)
    data, port = f"{folder}/data", free_port()

    def run(*command: str) -> None:
        subprocess.run([programs / command[0], *command[1:]], check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)

    run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres_url: str) -> Iterator[psycopg.Connection]:
    """A connection to a database whose schema `app` is fresh."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS app CASCADE")
        connection.execute("CREATE SCHEMA app")
        yield connection


class OpenFence:
    """A guard that lets everything pass and remembers that it was asked."""

    def __init__(self) -> None:
        self.steps = 0
        self.batches = 0

    def before_step(self) -> None:
        self.steps += 1

    def between_batches(self) -> None:
        self.batches += 1


@dataclass
class FenceServer:
    """Expunge's jobs endpoint: answers by jobId, `(status, body)`; jobs that nobody named stand."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def answer(self, raw_path: str, authorization: str | None) -> tuple[int, Any]:
        job_id = urllib.parse.unquote(raw_path.removeprefix("/api/v1/jobs/"))
        self.asked.append((raw_path, authorization))
        prepared = self.answers.get(job_id)
        if prepared:
            return prepared.pop(0) if len(prepared) > 1 else prepared[0]
        return 200, {"jobId": job_id, "stands": True, "reason": "awaited"}


@pytest.fixture
def fence_server() -> Iterator[FenceServer]:
    fence = FenceServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = fence.answer(self.path, self.headers.get("Authorization"))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fence.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield fence
    server.shutdown()
    server.server_close()


class Recorder:
    """A publisher that keeps what it was given."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def publish(self, message: Any, conf: Any) -> None:
        self.messages.append(dict(message))

    def by_job(self, job_id: str) -> dict[str, Any] | None:
        return next((message for message in self.messages if message["jobId"] == job_id), None)


@dataclass
class Client:
    """Talks to a simulator."""

    url: str
    token: str | None = None

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any] | None = None) -> tuple[int, Any]:
        return self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}})

    def run(self, dag_id: str, run_id: str) -> Any:
        return self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}")[1]

    def ended(self, dag_id: str, run_id: str) -> str:
        """The state the run ends in."""
        return wait_for(lambda: (state := self.run(dag_id, run_id)["state"]) in ("success", "failed") and state)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}/taskInstances"
        return {task["task_id"]: task["state"] for task in self.call("GET", path)[1]["task_instances"]}


ERASERS = """
stores:
  db: { kind: postgres, url_env: TEST_DB_URL }
  files: { kind: objects, url_env: TEST_FILES_URL }
lanes:
  heavy: { max_active_runs: 2 }
erasers:
  user:
    - { store: files, prefix: "users/{user_id}/", count: files_deleted }
  tenant:
    - { store: files, prefix: "tenants/{tenant_id}/", count: files_deleted }
  services:
    cloud-storage:
      - { store: files, prefix: "tenants/{tenant_id}/{target_instance}/", count: files_deleted }
      - { store: files, prefix: "thumbnails/{target_instance}/", count: files_deleted }
"""


@pytest.fixture
def erasers():
    return parse_erasers(ERASERS)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Path]:
    """Makes files under a folder; returns the folder."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return tmp_path / "files"

    return make


SAMPLES = Path(__file__).parent / "samples"
