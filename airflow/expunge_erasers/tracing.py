"""
Spans of a run's tasks, under the place in a trace that its conf carries (W3C's traceparent). They go over OTLP to where OpenTelemetry's
own variables say; without these, or where its Python packages are not installed, nothing is made and the place is handed on as it came.

No span holds a user id, an error's text or anything else of a conf: ids of runs and jobs, names and numbers only.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import Any, Iterator, Mapping

from .errors import JobRevoked

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
#: A task is not held up for longer by a collector that is away, where the environment says nothing else.
_TIMEOUT_S = 3


class Span:
    """A span that is open, or none: then nothing is kept of what is said to it."""

    def __init__(self, span: Any, place: Mapping[str, str]):
        self._span = span
        self.place = place

    def say(self, **attributes: Any) -> None:
        """Adds attributes, `expunge.` before their names."""
        if self._span is not None:
            self._span.set_attributes({f"expunge.{name}": value for name, value in attributes.items()})

    def failed(self, error: BaseException) -> None:
        """The class alone: an error's text may name a user."""
        if self._span is None:
            return
        from opentelemetry.trace import Status, StatusCode

        kind = type(error).__name__
        self._span.set_attribute("error.type", kind)
        self._span.add_event("exception", {"exception.type": kind})
        self._span.set_status(Status(StatusCode.ERROR, kind))

    def carried(self, conf: Mapping[str, Any]) -> dict[str, Any]:
        """The conf with this place in it, for what is sent from here."""
        return {**conf, **self.place}


class Tracing:
    """Makes spans while there is a provider; `with` sends what is left at the end."""

    def __init__(self, provider: Any = None):
        self._provider = provider

    def __enter__(self) -> Tracing:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Sends what is left; a collector that is away changes nothing."""
        if self._provider is not None:
            self._provider.shutdown()
            self._provider = None

    @contextmanager
    def task(self, task_id: str, dag_id: str, run_id: str, conf: Mapping[str, Any], try_number: int) -> Iterator[Span]:
        """The span of one try of a task; the run id is the job's."""
        attributes = {
            "airflow.dag_id": dag_id,
            "airflow.dag_run.run_id": run_id,
            "airflow.task_id": task_id,
            "airflow.try_number": try_number,
            "expunge.job_id": run_id,
        }
        with self._span(f"{task_id} {dag_id}", "INTERNAL", conf, attributes) as span:
            yield span

    @contextmanager
    def send(self, topic: str, event_key: str, place: Mapping[str, Any]) -> Iterator[Span]:
        """The span of a message to Kafka."""
        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic,
            "expunge.job_id": event_key,
        }
        with self._span(f"send {topic}", "PRODUCER", place, attributes) as span:
            yield span

    @contextmanager
    def _span(self, name: str, kind: str, carrier: Mapping[str, Any], attributes: Mapping[str, Any]) -> Iterator[Span]:
        given = {key: carrier[key] for key in ("traceparent", "tracestate") if isinstance(carrier.get(key), str)}
        # Of a run that belongs to no trace nobody knows whose it is.
        if self._provider is None or "traceparent" not in given:
            yield Span(None, given)
            return
        from opentelemetry import trace
        from opentelemetry.context import Context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        propagator = TraceContextTextMapPropagator()
        parent = propagator.extract(given, context=Context())
        # Airflow may trace its runs itself, in traces of their own.
        around = trace.get_current_span().get_span_context()
        links = [trace.Link(around)] if around.is_valid else []
        tracer = self._provider.get_tracer("expunge_erasers")
        opened = tracer.start_span(name, context=parent, kind=trace.SpanKind[kind], attributes=dict(attributes), links=links)
        place: dict[str, str] = {}
        propagator.inject(place, context=trace.set_span_in_context(opened, Context()))
        span = Span(opened, place)
        try:
            yield span
        except JobRevoked:
            span.say(outcome="skipped")
            raise
        except BaseException as error:
            span.failed(error)
            raise
        finally:
            opened.end()


def tracing_from(env: Mapping[str, str]) -> Tracing:
    """Tracing as the environment asks for it; the SDK reads the same variables itself."""
    if not any(env.get(name) for name in ENDPOINTS) or env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Tracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        log.warning("no spans are made: %s is not installed (pip install opentelemetry-exporter-otlp-proto-http)", missing.name)
        return Tracing()
    resource = Resource.create({} if env.get("OTEL_SERVICE_NAME") else {"service.name": "expunge-erasers"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(timeout=None if env.get("OTEL_EXPORTER_OTLP_TIMEOUT") else _TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider)
