"""The spans of a run's tasks, as a collector gets them."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator

import pytest

from expunge_erasers.errors import JobRevoked
from expunge_erasers.tracing import Tracing, tracing_from

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PLACE = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "tracestate": "vendor=1"}
CONF = {**PLACE, "user_id": "ann@example.com"}


class Collector:
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        bodies = self.bodies = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def spans(self) -> list[Any]:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [span for request in requests for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    yield collector
    collector.server.shutdown()


def opened(collector: Collector) -> Tracing:
    return tracing_from({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})


def test_a_task_stands_under_the_place_in_its_conf_and_what_it_sends_under_the_task(collector: Collector) -> None:
    pytest.importorskip("opentelemetry.sdk")
    with (
        opened(collector) as tracing,
        tracing.task("publish_result", "user_cleanup_dag", "del_req_1", CONF, 2) as task,
        tracing.send("airflow.pipeline.result", "del_req_1", task.place) as sent,
    ):
        carried = sent.carried(CONF)
    result, run = collector.spans()
    assert (run.name, result.name) == ("publish_result user_cleanup_dag", "send airflow.pipeline.result")
    assert run.trace_id.hex() == result.trace_id.hex() == TRACE
    assert run.parent_span_id.hex() == "00f067aa0ba902b7"
    assert result.parent_span_id == run.span_id
    assert carried["traceparent"] == f"00-{TRACE}-{result.span_id.hex()}-01"
    assert carried["tracestate"] == "vendor=1"
    attributes = {one.key: one.value.string_value or one.value.int_value for one in run.attributes}
    assert attributes["expunge.job_id"] == "del_req_1"
    assert attributes["airflow.try_number"] == 2
    assert b"ann@example.com" not in b"".join(collector.bodies)


def test_of_an_error_the_class_is_told_and_a_revoked_job_is_no_error(collector: Collector) -> None:
    pytest.importorskip("opentelemetry.sdk")
    tracing = opened(collector)
    with pytest.raises(ValueError), tracing.task("erase", "user_cleanup_dag", "del_req_1", CONF, 1):
        raise ValueError("no rows for ann@example.com")
    with pytest.raises(JobRevoked), tracing.task("erase", "user_cleanup_dag", "del_req_1", CONF, 1):
        raise JobRevoked("del_req_1", "cancelled")
    tracing.close()
    failed, skipped = collector.spans()
    assert (failed.status.code, failed.status.message) == (2, "ValueError")
    assert [event.name for event in failed.events] == ["exception"]
    assert skipped.status.code == 0
    assert b"ann@example.com" not in b"".join(collector.bodies)


def test_a_run_that_belongs_to_no_trace_has_no_spans(collector: Collector) -> None:
    with opened(collector) as tracing, tracing.task("erase", "dag", "run", {"user_id": "ann"}, 1) as task:
        task.say(outcome="done")
    assert collector.bodies == []


def test_without_a_collector_the_place_is_handed_on_as_it_came() -> None:
    for env in ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}):
        with tracing_from(env) as tracing, tracing.task("erase", "dag", "run", CONF, 1) as task:
            task.say(outcome="done")
            assert task.carried({"a": 1}) == {"a": 1, **PLACE}
        with tracing.task("erase", "dag", "run", {}, 1) as task:
            assert task.carried({"a": 1}) == {"a": 1}


def test_where_opentelemetry_is_missing_it_is_said_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    tracing = tracing_from({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    with tracing.task("erase", "dag", "run", CONF, 1) as task:
        assert task.place == PLACE
    assert "pip install" in caplog.text
