"""The simulator as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ERASERS, Client

AIRFLOW = Path(__file__).parent.parent


def command(*arguments, env):
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LD_LIBRARY_PATH")}
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *arguments],
        cwd=AIRFLOW,
        env={**kept, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_starts_within_a_second_and_stops_when_told(tmp_path):
    (tmp_path / "erasers.yaml").write_text(ERASERS)
    env = {
        "KAFKA_BROKERS": "127.0.0.1:1",
        "EXPUNGE_API_URL": "http://127.0.0.1:1",
        "ERASERS_FILE": str(tmp_path / "erasers.yaml"),
    }
    began = time.monotonic()
    process = command("--port", "0", "--lane", "gpu=3", env=env)
    try:
        line = process.stdout.readline()
        assert time.monotonic() - began < 5
        client = Client(line.split()[-1])
        assert client.call("GET", "/api/v2/dags/service_cleanup_dag__gpu")[1]["max_active_runs"] == 3
        assert client.call("GET", "/api/v2/dags/service_cleanup_dag__heavy")[1]["max_active_runs"] == 2
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({}, "KAFKA_BROKERS"),
        ({"KAFKA_BROKERS": "k:1"}, "ERASERS_FILE"),
        ({"KAFKA_BROKERS": "k:1", "ERASERS_FILE": str(AIRFLOW / "erasers.example.yaml")}, "EXPUNGE_API_URL"),
        ({"KAFKA_BROKERS": "k:1", "SIMULATOR_USERNAME": "x"}, "SIMULATOR_PASSWORD"),
    ],
)
def test_it_says_what_is_missing(env, text):
    arguments = ["--port", "0"] + (["--answer-only"] if "SIMULATOR_USERNAME" in env else [])
    process = command(*arguments, env=env)
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 1 and text in errors and "Traceback" not in errors
