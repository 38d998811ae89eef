"""The engine: which steps a conf asks for, and their carrying out under the fence."""

from __future__ import annotations

import logging
from typing import Any, Mapping, Protocol

from .conf import checked_fields, expected_counts, is_dry_run, object_prefix
from .config import Erasers, Kind, ObjectsStep, RowsStep, Step, StoreConfig
from .errors import ConfigError, NoEraser

log = logging.getLogger(__name__)


class Guard(Protocol):
    """Says, by raising JobRevoked, that nothing more may be erased."""

    def before_step(self) -> None:
        """Asked right before every step."""

    def between_batches(self) -> None:
        """Asked after every batch of a long step."""


def erase(erasers: Erasers, kind: Kind, conf: Mapping[str, Any], guard: Guard, env: Mapping[str, str]) -> dict[str, int]:
    """
    Erases, or with dry_run counts, what belongs to the conf's subject. Returns the counts, summed by name.
    Running it again counts 0 and succeeds.

    Raises NoEraser, ConfRefused, ConfigError (a store's address is missing), JobRevoked, FenceUnavailable,
    and whatever a store raises.
    """
    conf = dict(conf)
    fields = checked_fields(kind, conf)
    dry_run = is_dry_run(conf)
    steps = erasers.steps_for(kind, fields.get("target_service"))
    if steps is None:
        what = f"service type {fields['target_service']}" if kind == "service" else f"{kind}s"
        raise NoEraser(f"No eraser is configured for {what}: describe one in erasers.yaml")
    opened = {step.store: open_store(erasers.stores[step.store], env) for step in steps}
    counts: dict[str, int] = {step.count: 0 for step in steps}
    for number, step in enumerate(steps, 1):
        guard.before_step()
        count = _run(step, opened[step.store], fields, dry_run, guard)
        counts[step.count] += count
        # Neither the prefix nor the conf: they may hold a user id.
        log.info("step %d of %d in %s: %s %s=%d", number, len(steps), step.store, "counted" if dry_run else "erased", step.count, count)
    _compare(expected_counts(conf), counts, dry_run)
    return counts


def _compare(expected: Mapping[str, int], counts: Mapping[str, int], dry_run: bool) -> None:
    """Logs what the inventory had expected beside what was found, where a count bears a kind's name; a repeated run finds less."""
    done = "counted" if dry_run else "erased"
    for kind, n in expected.items():
        found = counts.get(kind)
        if found is None:
            log.info("the inventory knows of %d %s; no count of erasers.yaml is named so", n, kind)
        elif found < n:
            log.warning("the inventory knows of %d %s; %s %d", n, kind, done, found)
        else:
            log.info("the inventory knows of %d %s; %s %d", n, kind, done, found)


def open_store(store: StoreConfig, env: Mapping[str, str]) -> Any:
    """The store behind a name. Raises ConfigError when the environment has no address for it."""
    url = env.get(store.url_env)
    if not url:
        raise ConfigError("environment", [f"{store.url_env}: is missing; it holds the address of the store {store.name}"])
    if store.kind == "postgres":
        from .stores.postgres import PostgresStore

        return PostgresStore(url)
    from .stores.objects import ObjectStore

    return ObjectStore(url, store.options)


def _run(step: Step, store: Any, fields: dict[str, str], dry_run: bool, guard: Guard) -> int:
    if isinstance(step, RowsStep):
        return store.count(step, fields) if dry_run else store.erase(step, fields, guard.between_batches)
    assert isinstance(step, ObjectsStep)
    prefix = object_prefix(step.prefix, fields)
    return store.count(prefix) if dry_run else store.erase(prefix, guard.between_batches)
