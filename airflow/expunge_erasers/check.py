"""The checking of erasers.yaml: as a whole, every fault named at once."""

from __future__ import annotations

import re
from typing import Any

from .config import (
    DEFAULT_LANE,
    FIELDS,
    STORE_KINDS,
    SUBJECT_FIELD,
    Caps,
    Erasers,
    Kind,
    ObjectsStep,
    RowsStep,
    Step,
    StoreConfig,
)

_SECRET_OPTION = re.compile(r"secret|password|token|credential|(^|_)key$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_COUNT = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ENV = re.compile(r"[A-Z_][A-Z0-9_]*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LITERAL_SEGMENT = re.compile(r"[A-Za-z0-9_.:@+~=-]*")


class Check:
    """Turns the document into Erasers and collects the faults; what it returns counts only when there are none."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def fault(self, where: str, text: str) -> None:
        self.faults.append(f"{where}: {text}")

    def mapping(self, value: Any, where: str, allowed: tuple[str, ...] | None = None) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            self.fault(where, f"must be a mapping of names, not {value!r}")
            return {}
        for key in value if allowed is not None else ():
            if key not in allowed:
                hint = "; put the address in an environment variable and name that in url_env" if key == "url" else ""
                self.fault(f"{where}.{key}", f"is unknown; known here: {', '.join(allowed)}{hint}")
        return value

    def text(self, value: Any, where: str, pattern: re.Pattern[str], remedy: str) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        self.fault(where, ("is missing" if value is None else f"is {value!r}") + f"; {remedy}")
        return ""

    def number(self, value: Any, where: str, default: int) -> int:
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100_000:
            return value
        self.fault(where, f"is {value!r}; must be a whole number from 1 to 100000")
        return default

    def document(self, value: Any) -> Erasers:
        top = self.mapping(value, "file", ("stores", "lanes", "caps", "erasers"))
        stores = {name: self.store(name, raw) for name, raw in self.mapping(top.get("stores"), "stores").items()}
        lanes = {DEFAULT_LANE: Caps()}
        for name, raw in self.mapping(top.get("lanes"), "lanes").items():
            self.text(name, f"lanes.{name}", _NAME, "a lane's name is letters, digits, `_`, `.` and `-`")
            lanes[name] = self.caps(raw, f"lanes.{name}")
        caps = self.mapping(top.get("caps"), "caps", ("user", "tenant"))
        erasers = self.mapping(top.get("erasers"), "erasers", ("user", "tenant", "services"))
        services = self.mapping(erasers.get("services"), "erasers.services")
        if not any((erasers.get("user"), erasers.get("tenant"), services)):
            self.fault("erasers", "nothing is erased by this file; describe user, tenant or services")
        return Erasers(
            stores=stores,
            lanes=lanes,
            user_caps=self.caps(caps.get("user"), "caps.user"),
            tenant_caps=self.caps(caps.get("tenant"), "caps.tenant"),
            user=self.steps(erasers["user"], "erasers.user", "user", stores) if "user" in erasers else None,
            tenant=self.steps(erasers["tenant"], "erasers.tenant", "tenant", stores) if "tenant" in erasers else None,
            services={name: self.steps(raw, f"erasers.services.{name}", "service", stores) for name, raw in services.items()},
        )

    def store(self, name: str, value: Any) -> StoreConfig:
        where = f"stores.{name}"
        raw = self.mapping(value, where, ("kind", "url_env", "options"))
        kind = raw.get("kind")
        if kind not in STORE_KINDS:
            self.fault(f"{where}.kind", f"is {kind!r}; must be one of {', '.join(STORE_KINDS)}")
        url_env = self.text(raw.get("url_env"), f"{where}.url_env", _ENV, "name the environment variable that holds the URL")
        options = self.mapping(raw.get("options"), f"{where}.options")
        if options and kind == "postgres":
            self.fault(f"{where}.options", "are for object stores; a PostgreSQL URL holds its own")
        for key in options:
            if _SECRET_OPTION.search(key):
                self.fault(f"{where}.options.{key}", "looks like a secret; give it to the store's own environment variables")
        return StoreConfig(name, kind, url_env, options)  # type: ignore[arg-type]

    def caps(self, value: Any, where: str) -> Caps:
        raw = self.mapping(value, where, ("pool_slots", "max_active_runs", "queue"))
        max_active_runs = self.number(raw.get("max_active_runs"), f"{where}.max_active_runs", 16)
        pool_slots = self.number(raw.get("pool_slots"), f"{where}.pool_slots", max_active_runs)
        queue = raw.get("queue")
        if queue is not None:
            self.text(queue, f"{where}.queue", _NAME, "name the queue of the workers that take this lane")
        return Caps(pool_slots, max_active_runs, queue)

    def steps(self, value: Any, where: str, kind: Kind, stores: dict[str, StoreConfig]) -> tuple[Step, ...]:
        if not isinstance(value, list) or not value:
            self.fault(where, "must be a list of at least one step; with none it would succeed and erase nothing")
            return ()
        steps = (self.step(raw, f"{where}[{index}]", kind, stores) for index, raw in enumerate(value))
        return tuple(step for step in steps if step is not None)

    def step(self, value: Any, where: str, kind: Kind, stores: dict[str, StoreConfig]) -> Step | None:
        if not isinstance(value, dict) or ("table" in value) == ("prefix" in value):
            self.fault(where, "must have either `table` (PostgreSQL rows) or `prefix` (objects)")
            return None
        rows = "table" in value
        allowed = ("store", "table", "where", "count", "batch_size") if rows else ("store", "prefix", "count")
        raw = self.mapping(value, where, allowed)
        store = raw.get("store")
        wanted = "postgres" if rows else "objects"
        if not isinstance(store, str) or store not in stores:
            self.fault(f"{where}.store", f"is {store!r}; known stores: {', '.join(stores) or 'none'}")
        elif stores[store].kind in STORE_KINDS and stores[store].kind != wanted:
            self.fault(f"{where}.store", f"{store!r} is of kind {stores[store].kind}, and this step needs {wanted}")
        count = self.text(raw.get("count"), f"{where}.count", _COUNT, "name the number in the result, such as db_rows_purged")
        if not rows:
            return ObjectsStep(str(store), self.prefix(raw.get("prefix"), f"{where}.prefix", kind), count)
        return RowsStep(
            store=str(store),
            table=self.table(raw.get("table"), f"{where}.table"),
            where=self.where(raw.get("where"), f"{where}.where", kind),
            count=count,
            batch_size=self.number(raw.get("batch_size"), f"{where}.batch_size", 1000),
        )

    def table(self, value: Any, where: str) -> tuple[str, ...]:
        parts = tuple(value.split(".")) if isinstance(value, str) else ()
        if not 1 <= len(parts) <= 2 or not all(parts):
            self.fault(where, f"is {value!r}; must be `table` or `schema.table`")
        return parts

    def where(self, value: Any, where: str, kind: Kind) -> dict[str, str]:
        columns = self.mapping(value, where)
        for column, name in columns.items():
            if name not in FIELDS[kind]:
                self.fault(f"{where}.{column}", f"is {name!r}; the conf of this DAG has {', '.join(FIELDS[kind])}")
        self.reaches_only_its_subject(list(columns.values()), where, kind)
        return columns

    def prefix(self, value: Any, where: str, kind: Kind) -> str:
        if not isinstance(value, str):
            self.fault(where, f"is {value!r}; must be a text such as `tenants/{{tenant_id}}/`")
            return ""
        names = _PLACEHOLDER.findall(value)
        for name in names:
            if name not in FIELDS[kind]:
                self.fault(where, f"has {{{name}}}; the conf of this DAG has {', '.join(FIELDS[kind])}")
        if not value.endswith("/"):
            self.fault(where, f"{value!r} must end in `/`, or tenant-1 would erase tenant-10 as well")
        segments = value.rstrip("/").split("/")
        if any(segment in ("", ".", "..") for segment in segments) or not all(
            _LITERAL_SEGMENT.fullmatch(_PLACEHOLDER.sub("", segment)) for segment in segments
        ):
            self.fault(where, f"{value!r} must be plain path segments: no leading or double `/`, `.`, `..` or wildcards")
        self.reaches_only_its_subject(names, where, kind)
        return value

    def reaches_only_its_subject(self, names: list[Any], where: str, kind: Kind) -> None:
        if SUBJECT_FIELD[kind] not in names:
            self.fault(where, f"must use {SUBJECT_FIELD[kind]}, or it would erase what belongs to others")
