"""The result message on airflow.pipeline.result, and its sending."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any, Mapping

from .errors import PublishFailed

RESULT_TOPIC = "airflow.pipeline.result"
_ERROR_LIMIT = 2000


def success(job_id: str, run_id: str, conf: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    """The message that says: erased, and how much."""
    return _message(job_id, run_id, conf, "SUCCESS", dict(counts), None)


def failure(job_id: str, run_id: str, conf: Mapping[str, Any], error: str, error_code: str = "DAG_FAILED") -> dict[str, Any]:
    """The message that says: not erased, or not all, and why. `error` may name a user: it is for the ledger only."""
    return {**_message(job_id, run_id, conf, "FAILURE", {}, error[:_ERROR_LIMIT]), "errorCode": error_code}


def describe(error: BaseException) -> str:
    """An error as text for the message."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def headers_of(conf: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Kafka headers that carry the trace on."""
    found = [(name, conf.get(name)) for name in ("traceparent", "tracestate")]
    return [(name, value.encode()) for name, value in found if isinstance(value, str) and value]


def _message(job_id: str, run_id: str, conf: Mapping[str, Any], status: str, metadata: dict[str, int], error: str | None) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message: dict[str, Any] = {
        "jobId": job_id,
        "airflowRunId": run_id,
        "status": status,
        "timestamp": now,
        "metadata": metadata,
        "error": error,
    }
    if isinstance(conf.get("trace_id"), str):
        message["traceId"] = conf["trace_id"]
    return message


class ResultPublisher:
    """Sends results with acks=all. May be used from many threads at once; librdkafka batches what they send."""

    def __init__(self, kafka: Mapping[str, Any], topic: str = RESULT_TOPIC, timeout_s: float = 60):
        from confluent_kafka import Producer

        self._topic = topic
        self._timeout_s = timeout_s
        self._producer = Producer(
            {
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": int(timeout_s * 1000),
                **kafka,
            }
        )
        self._closing = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="kafka-delivery-reports", daemon=True)
        self._poller.start()

    def publish(self, message: Mapping[str, Any], conf: Mapping[str, Any]) -> None:
        """Returns when Kafka has acknowledged the message. Raises PublishFailed."""
        done = threading.Event()
        outcome: list[Any] = []

        def delivered(error: Any, _: Any) -> None:
            outcome.append(error)
            done.set()

        try:
            self._producer.produce(
                self._topic,
                key=str(message["jobId"]).encode(),
                value=json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(),
                headers=headers_of(conf),
                on_delivery=delivered,
            )
        except BufferError as error:
            raise PublishFailed("Too many results wait for Kafka") from error
        if not done.wait(self._timeout_s + 5):
            raise PublishFailed(f"Kafka did not acknowledge the result within {self._timeout_s:.0f} s")
        if outcome[0] is not None:
            raise PublishFailed(f"Kafka did not take the result: {outcome[0].str()}")

    def close(self) -> None:
        """Waits a little for what is on its way."""
        self._producer.flush(5)
        self._closing.set()
        self._poller.join(2)

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(0.1)
