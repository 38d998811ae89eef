"""What tests and demos may turn: how long runs take, which fail, which stay silent, how the REST API misbehaves."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Mapping

from expunge_erasers.errors import ErasureError

MODES = ("erase", "answer")
#: How a run ends that publishes nothing: erased and the message lost; erased and not published; not erased; never.
SILENT_ENDS = ("success", "publish_failed", "failed", "running")


class BadKnob(Exception):
    """A setting that makes no sense; the text says which."""


@dataclass
class _Rule:
    """Applies to the next `times` matching runs or requests (None: until reset)."""

    times: int | None
    subject: str | None = None
    dag_id: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    until: float | None = None

    def matches(self, dag_id: str, conf: Mapping[str, Any]) -> bool:
        subjects = (conf.get("target_instance"), conf.get("user_id"), conf.get("target_service"), conf.get("tenant_id"))
        return self.dag_id in (None, dag_id) and (self.subject is None or self.subject in subjects)


@dataclass(frozen=True)
class RunPlan:
    """How one run shall behave."""

    duration_ms: float
    mode: str
    failure: tuple[str, str] | None
    silent: str | None


class Knobs:
    """All settings; safe to turn while runs are on their way."""

    def __init__(self, mode: str, can_erase: bool, duration_ms: float):
        self._lock = threading.Lock()
        self._defaults = (mode, duration_ms)
        self._can_erase = can_erase
        self.reset()

    def reset(self) -> None:
        """Back to how the simulator was started."""
        with self._lock:
            self.mode, self.duration_ms = self._defaults
            self.durations: dict[str, float] = {}
            self.failures: list[_Rule] = []
            self.silences: list[_Rule] = []
            self.faults: list[_Rule] = []

    def turn(self, body: Mapping[str, Any]) -> None:
        """`mode`, `duration_ms`, and `durations` by DAG id, service type or instance id (merged)."""
        _only(body, ("mode", "duration_ms", "durations"))
        mode = body.get("mode", self.mode)
        if mode not in MODES:
            raise BadKnob(f"mode is {mode!r}; must be one of {', '.join(MODES)}")
        if mode == "erase" and not self._can_erase:
            raise BadKnob("mode erase needs ERASERS_FILE and EXPUNGE_API_URL when the simulator is started")
        durations = body.get("durations", {})
        if not isinstance(durations, dict):
            raise BadKnob("durations must be an object of milliseconds by DAG id, service type or instance id")
        checked = {name: _number(value, f"durations.{name}") for name, value in durations.items()}
        duration_ms = _number(body.get("duration_ms", self.duration_ms), "duration_ms")
        with self._lock:
            self.mode, self.duration_ms = mode, duration_ms
            self.durations.update(checked)

    def fail(self, body: Mapping[str, Any]) -> None:
        """The next `times` (default 1, null: until reset) matching runs fail with `error` and `error_code`."""
        _only(body, ("subject", "dag_id", "times", "error", "error_code"))
        settings = {"error": str(body.get("error", "Simulated failure")), "code": str(body.get("error_code", ErasureError.error_code))}
        with self._lock:
            self.failures.append(_Rule(_times(body), body.get("subject"), body.get("dag_id"), settings))

    def silence(self, body: Mapping[str, Any]) -> None:
        """The next `times` matching runs publish nothing; see SILENT_ENDS."""
        _only(body, ("subject", "dag_id", "times", "end"))
        end = body.get("end", "success")
        if end not in SILENT_ENDS:
            raise BadKnob(f"end is {end!r}; must be one of {', '.join(SILENT_ENDS)}")
        with self._lock:
            self.silences.append(_Rule(_times(body), body.get("subject"), body.get("dag_id"), {"end": end}))

    def misbehave(self, body: Mapping[str, Any]) -> None:
        """Requests of `method` (default POST of dagRuns) are answered `status`, and late by `delay_ms`; `after`: once done."""
        _only(body, ("method", "status", "delay_ms", "times", "for_ms", "after", "retry_after_s"))
        method = body.get("method", "POST")
        if method not in ("POST", "GET", "PATCH", "*"):
            raise BadKnob(f"method is {method!r}; must be POST, GET, PATCH or *")
        status = body.get("status")
        if status is not None and not (isinstance(status, int) and (status == 0 or 400 <= status <= 599)):
            raise BadKnob("status must be 400 to 599, or 0 to cut the connection")
        settings = {
            "method": method,
            "status": status,
            "delay_ms": _number(body.get("delay_ms", 0), "delay_ms"),
            "after": body.get("after") is True,
            "retry_after_s": body.get("retry_after_s"),
        }
        for_ms = body.get("for_ms")
        until = None if for_ms is None else time.monotonic() + _number(for_ms, "for_ms") / 1000
        with self._lock:
            self.faults.append(_Rule(_times({"times": None, **body}), settings=settings, until=until))

    def plan(self, dag_id: str, conf: Mapping[str, Any]) -> RunPlan:
        """How this run shall behave; uses up one of each rule that matches."""
        with self._lock:
            names = (conf.get("target_instance"), conf.get("target_service"), conf.get("user_id"), dag_id)
            duration_ms = next((self.durations[name] for name in names if name in self.durations), self.duration_ms)
            failure = _take(self.failures, lambda rule: rule.matches(dag_id, conf))
            silent = _take(self.silences, lambda rule: rule.matches(dag_id, conf))
            return RunPlan(
                duration_ms,
                self.mode,
                (failure["error"], failure["code"]) if failure else None,
                silent["end"] if silent else None,
            )

    def fault(self, method: str) -> dict[str, Any] | None:
        """How the next request of this method shall be answered instead, if it shall."""
        with self._lock:
            if not self.faults:
                return None
            now = time.monotonic()
            self.faults = [rule for rule in self.faults if rule.until is None or rule.until > now]
            return _take(self.faults, lambda rule: rule.settings["method"] in ("*", method))

    def show(self) -> dict[str, Any]:
        """All settings, for people."""
        with self._lock:
            return {
                "mode": self.mode,
                "duration_ms": self.duration_ms,
                "durations": dict(self.durations),
                "fail": [_shown(rule) for rule in self.failures],
                "silent": [_shown(rule) for rule in self.silences],
                "http": [_shown(rule) for rule in self.faults],
            }


def _shown(rule: _Rule) -> dict[str, Any]:
    return {"subject": rule.subject, "dag_id": rule.dag_id, "times": rule.times, **rule.settings}


def _take(rules: list[_Rule], matches: Any) -> dict[str, Any] | None:
    for index, rule in enumerate(rules):
        if matches(rule):
            if rule.times is not None:
                rule.times -= 1
                if rule.times <= 0:
                    del rules[index]
            return rule.settings
    return None


def _times(body: Mapping[str, Any]) -> int | None:
    times = body.get("times", 1)
    if times is not None and not (isinstance(times, int) and not isinstance(times, bool) and times > 0):
        raise BadKnob(f"times is {times!r}; must be a whole number above 0, or null for until reset")
    return times


def _number(value: Any, name: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise BadKnob(f"{name} is {value!r}; must be a number of milliseconds")
    return float(value)


def _only(body: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = [name for name in body if name not in allowed]
    if unknown:
        raise BadKnob(f"unknown: {', '.join(unknown)}; known here: {', '.join(allowed)}")
