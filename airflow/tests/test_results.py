import json
import os
import re
import time

import pytest
from conftest import SAMPLES

from expunge_erasers.results import describe, failure, headers_of, success
from expunge_erasers.settings import settings_from


def sample(name):
    return json.loads((SAMPLES / f"airflow.pipeline.result.{name}.json").read_text())["value"]


def shape(message):
    return {name: type(value) for name, value in message.items()}


def test_a_success_has_the_shape_of_the_sample():
    message = success("job", "run", {}, {"files_deleted": 150, "db_rows_purged": 200})
    assert shape(message) == shape(sample("success"))
    assert message["metadata"] == sample("success")["metadata"]
    assert message["status"] == "SUCCESS" and message["error"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", message["timestamp"])


def test_a_failure_has_the_shape_of_the_sample_and_a_code():
    message = failure("job", "run", {}, "AccessDenied: bucket srv-abc-001", "NO_ERASER")
    assert shape({name: value for name, value in message.items() if name != "errorCode"}) == shape(sample("failure"))
    assert message["errorCode"] == "NO_ERASER" and message["metadata"] == {}
    assert len(failure("job", "run", {}, "x" * 10_000)["error"]) == 2000


def test_the_trace_is_carried_on():
    conf = {"traceparent": "00-1-2-01", "trace_id": "trace-1"}
    assert success("job", "run", conf, {})["traceId"] == "trace-1"
    assert headers_of(conf) == [("traceparent", b"00-1-2-01")]
    assert headers_of({}) == []


def test_errors_are_described_on_one_line():
    assert describe(ValueError("a\n  b")) == "ValueError: a b"
    assert describe(ValueError()) == "ValueError"


def test_kafka_settings_come_from_the_environment():
    env = {
        "KAFKA_BROKERS": "k:1",
        "KAFKA_TLS": "true",
        "KAFKA_TLS_CA": "/ca.pem",
        "KAFKA_SASL_MECHANISM": "scram-sha-512",
        "KAFKA_SASL_USERNAME": "u",
        "KAFKA_SASL_PASSWORD": "p",
    }
    kafka = settings_from(env).kafka
    assert kafka["security.protocol"] == "SASL_SSL" and kafka["sasl.mechanism"] == "SCRAM-SHA-512"
    assert kafka["ssl.ca.location"] == "/ca.pem"
    assert "security.protocol" not in settings_from({"KAFKA_BROKERS": "k:1"}).kafka
    assert settings_from({"FENCE_PATIENCE": "2m"}).fence_patience_s == 120


@pytest.mark.skipif(not os.environ.get("KAFKA_BROKERS"), reason="KAFKA_BROKERS names no Kafka to publish to")
def test_a_result_reaches_kafka():
    from confluent_kafka import Consumer

    job_id = f"test_{time.time_ns()}"
    consumer = Consumer({"bootstrap.servers": os.environ["KAFKA_BROKERS"], "group.id": job_id, "auto.offset.reset": "earliest"})
    publisher = settings_from(os.environ).publisher()
    publisher.publish(success(job_id, job_id, {}, {"n": 1}), {"traceparent": "00-1-2-01"})
    publisher.close()
    consumer.subscribe(["airflow.pipeline.result"])
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is not None and message.key() == job_id.encode():
                assert json.loads(message.value())["metadata"] == {"n": 1}
                assert message.headers() == [("traceparent", b"00-1-2-01")]
                return
    finally:
        consumer.close()
    pytest.fail("The result did not arrive")
