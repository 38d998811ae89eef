"""The environment, read in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping

from .errors import ConfigError
from .fence import Fence
from .results import ResultPublisher

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_TLS_FILES = {
    "KAFKA_TLS_CA": "ssl.ca.location",
    "KAFKA_TLS_CERT": "ssl.certificate.location",
    "KAFKA_TLS_KEY": "ssl.key.location",
}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Settings:
    """What the DAGs and the simulator need to know about where they are."""

    erasers_file: str
    expunge_api_url: str
    expunge_api_token: str | None
    kafka: dict[str, Any]
    fence_patience_s: float

    def fence(self) -> Fence:
        """Raises ConfigError when EXPUNGE_API_URL is missing."""
        if not self.expunge_api_url:
            raise ConfigError("environment", ["EXPUNGE_API_URL: is missing; the fence is asked there before anything is erased"])
        return Fence(self.expunge_api_url, self.expunge_api_token, patience_s=self.fence_patience_s)

    def publisher(self, timeout_s: float = 60) -> ResultPublisher:
        """Raises ConfigError when KAFKA_BROKERS is missing."""
        if not self.kafka.get("bootstrap.servers"):
            raise ConfigError("environment", ["KAFKA_BROKERS: is missing; results are published there"])
        return ResultPublisher(self.kafka, timeout_s=timeout_s)


def settings_from(env: Mapping[str, str]) -> Settings:
    """Raises ConfigError for a duration that is none."""
    patience = env.get("FENCE_PATIENCE") or "60s"
    parts = _DURATION.fullmatch(patience)
    if parts is None:
        raise ConfigError("environment", [f"FENCE_PATIENCE: is {patience!r}; write a duration such as 90s or 5m"])
    return Settings(
        erasers_file=env.get("ERASERS_FILE", ""),
        expunge_api_url=env.get("EXPUNGE_API_URL", ""),
        expunge_api_token=env.get("EXPUNGE_API_TOKEN") or None,
        kafka=_kafka(env),
        fence_patience_s=float(parts[1]) * _SECONDS[parts[2]],
    )


def _kafka(env: Mapping[str, str]) -> dict[str, Any]:
    tls = env.get("KAFKA_TLS", "").lower() in ("1", "true", "yes")
    mechanism = env.get("KAFKA_SASL_MECHANISM", "").upper()
    settings: dict[str, Any] = {"bootstrap.servers": env.get("KAFKA_BROKERS", ""), "client.id": "expunge-eraser"}
    if tls or mechanism:
        settings["security.protocol"] = ("SASL_" if mechanism else "") + ("SSL" if tls else "PLAINTEXT")
    if mechanism:
        settings["sasl.mechanism"] = mechanism
        settings["sasl.username"] = env.get("KAFKA_SASL_USERNAME", "")
        settings["sasl.password"] = env.get("KAFKA_SASL_PASSWORD", "")
    for variable, setting in _TLS_FILES.items():
        if tls and env.get(variable):
            settings[setting] = env[variable]
    return settings
