"""The command `python3 -m simulator`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from typing import Any, Mapping

from expunge_erasers.config import DEFAULT_LANE, SERVICE_DAG, TENANT_DAG, USER_DAG, Caps, DagSpec
from expunge_erasers.erase import erase
from expunge_erasers.errors import ConfigError
from expunge_erasers.load import load_erasers
from expunge_erasers.settings import Settings, settings_from
from expunge_erasers.tracing import tracing_from

from .knobs import Knobs
from .rest import Server
from .scheduler import Engine, Scheduler
from .state_file import StateFile

log = logging.getLogger("simulator")

_EPILOG = """environment:
  KAFKA_BROKERS        where results are published; KAFKA_TLS, KAFKA_TLS_CA, KAFKA_TLS_CERT, KAFKA_TLS_KEY,
                       KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD as in Expunge itself
  EXPUNGE_API_URL      where the fence is asked; EXPUNGE_API_TOKEN if it wants a token
  FENCE_PATIENCE       how long an unreachable fence is waited for (60s)
  ERASERS_FILE         erasers.yaml; the variables that its url_env name hold the stores' addresses
  OTEL_EXPORTER_OTLP_ENDPOINT  where spans go, and OpenTelemetry's other variables; without it none are made
  SIMULATOR_USERNAME, SIMULATOR_PASSWORD  the one login; without them anyone may come in

paths: Airflow's own under /auth/token and /api/v2, the knobs under /simulator (see airflow/README.md)"""


def main() -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        settings = settings_from(os.environ)
        knobs = Knobs("answer" if options.answer_only else "erase", not options.answer_only, options.duration_ms)
        publisher = settings.publisher(timeout_s=30)
        engine = None if options.answer_only else _engine(settings, os.environ)
        tracing = tracing_from(os.environ)
        state = StateFile(options.state) if options.state else None
        scheduler = Scheduler(_specs(settings, options), knobs, publisher, engine, state, tracing)
        server = Server((options.host, options.port), scheduler, knobs, _credentials(os.environ))
    except (ConfigError, OSError) as error:
        print(f"The simulator cannot start. {error}", file=sys.stderr)
        return 1

    def stop(*_: Any) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"Airflow simulator on http://{options.host}:{server.server_address[1]}", flush=True)
    server.serve_forever(poll_interval=0.1)
    scheduler.stop()
    server.server_close()
    publisher.close()
    tracing.close()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m simulator",
        description="Airflow in small: the same erasers behind the same REST paths.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (8080; 0 for a free one)")
    parser.add_argument("--state", metavar="FILE", help="keep runs in this SQLite file over a restart")
    parser.add_argument("--duration-ms", type=float, default=0, help="how long each erasure takes at least (0)")
    parser.add_argument("--answer-only", action="store_true", help="for benches: ask no fence, erase nothing, publish SUCCESS with zeros")
    parser.add_argument(
        "--lane", action="append", default=[], metavar="NAME[=RUNS]", help="a lane beside those of erasers.yaml, with its max_active_runs"
    )
    parser.add_argument("--max-active-runs", type=int, help="the cap of every DAG, instead of what erasers.yaml says")
    return parser.parse_args()


def _engine(settings: Settings, env: Mapping[str, str]) -> Engine:
    erasers = load_erasers(settings.erasers_file)
    return Engine(settings.fence().guard, lambda kind, conf, guard: erase(erasers, kind, conf, guard, env))


def _specs(settings: Settings, options: argparse.Namespace) -> list[DagSpec]:
    if settings.erasers_file:
        specs = load_erasers(settings.erasers_file).dags()
    else:
        specs = [
            DagSpec(USER_DAG, "user", "expunge_user", Caps()),
            DagSpec(TENANT_DAG, "tenant", "expunge_tenant", Caps()),
            DagSpec(SERVICE_DAG, "service", "expunge_service", Caps()),
        ]
    for text in options.lane:
        name, _, runs = text.partition("=")
        if runs and (not runs.isdigit() or int(runs) < 1):
            raise ConfigError("--lane", [f"{text!r}: write NAME or NAME=RUNS, such as heavy=4"])
        suffix = "" if name == DEFAULT_LANE else f"__{name}"
        caps = Caps(max_active_runs=int(runs)) if runs else Caps()
        specs = [spec for spec in specs if spec.dag_id != f"{SERVICE_DAG}{suffix}"]
        specs.append(DagSpec(f"{SERVICE_DAG}{suffix}", "service", f"expunge_service{suffix}", caps))
    if options.max_active_runs:
        specs = [DagSpec(spec.dag_id, spec.kind, spec.pool, Caps(max_active_runs=options.max_active_runs)) for spec in specs]
    return specs


def _credentials(env: Mapping[str, str]) -> tuple[str, str] | None:
    username, password = env.get("SIMULATOR_USERNAME"), env.get("SIMULATOR_PASSWORD")
    if bool(username) != bool(password):
        raise ConfigError("environment", ["SIMULATOR_USERNAME and SIMULATOR_PASSWORD: set both or neither"])
    return (username, password) if username and password else None


if __name__ == "__main__":
    sys.exit(main())
