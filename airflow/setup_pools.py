"""
Creates, or brings up to date, the Airflow pools that the DAGs of erasers.yaml run in.
A task whose pool does not exist is never scheduled, so run this before the first deletion and after each change.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from expunge_erasers.config import Erasers
from expunge_erasers.errors import ConfigError
from expunge_erasers.load import load_erasers


def pools_of(erasers: Erasers) -> dict[str, dict[str, Any]]:
    """In the form of `airflow pools import`."""
    return {
        spec.pool: {"slots": spec.caps.pool_slots, "description": f"Expunge: {spec.dag_id}", "include_deferred": False}
        for spec in erasers.dags()
    }


class AirflowRefused(Exception):
    """Airflow's answer, with what to do."""


def _call(method: str, url: str, token: str | None, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def _token(base: str) -> str | None:
    if os.environ.get("AIRFLOW_TOKEN"):
        return os.environ["AIRFLOW_TOKEN"]
    user = os.environ.get("AIRFLOW_USERNAME")
    credentials = {"username": user, "password": os.environ.get("AIRFLOW_PASSWORD", "")} if user else None
    status, answer = _call("POST" if credentials else "GET", f"{base}/auth/token", None, credentials)
    if status != 201:
        raise AirflowRefused(f"/auth/token answered {status}: set AIRFLOW_USERNAME and AIRFLOW_PASSWORD, or AIRFLOW_TOKEN")
    return answer["access_token"]


def set_up(base: str, erasers: Erasers) -> list[str]:
    """Creates or changes the pools over Airflow's REST API; returns a line about each. Raises AirflowRefused."""
    token = _token(base)
    done = []
    for name, pool in pools_of(erasers).items():
        url = f"{base}/api/v2/pools/{urllib.parse.quote(name, safe='')}"
        status, answer = _call("GET", url, token)
        if status == 200:
            status, answer = _call("PATCH", f"{url}?update_mask=slots&update_mask=description", token, {"pool": name, **pool})
            done.append(f"{name}: {pool['slots']} slots")
        elif status == 404:
            status, answer = _call("POST", f"{base}/api/v2/pools", token, {"name": name, **pool})
            done.append(f"{name}: created with {pool['slots']} slots")
        if status not in (200, 201):
            raise AirflowRefused(f"Airflow answered {status} for the pool {name}: {answer}")
    return done


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("AIRFLOW_API_URL", ""), help="Airflow's address (AIRFLOW_API_URL)")
    parser.add_argument("--erasers", default=os.environ.get("ERASERS_FILE", ""), help="erasers.yaml (ERASERS_FILE)")
    parser.add_argument("--print", action="store_true", help="print JSON for `airflow pools import` instead")
    options = parser.parse_args()
    try:
        erasers = load_erasers(options.erasers)
        if options.print:
            print(json.dumps(pools_of(erasers), indent=2))
            return 0
        if not options.url:
            parser.error("say where Airflow is: --url or AIRFLOW_API_URL")
        print("\n".join(set_up(options.url.rstrip("/"), erasers)))
        return 0
    except (ConfigError, AirflowRefused, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
