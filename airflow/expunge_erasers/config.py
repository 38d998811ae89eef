"""erasers.yaml: what is erased where. Read once, checked as a whole, every fault named at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from .errors import ConfigError

Kind = Literal["user", "service", "tenant"]

USER_DAG = "user_cleanup_dag"
SERVICE_DAG = "service_cleanup_dag"
TENANT_DAG = "tenant_cleanup_dag"
DEFAULT_LANE = "default"

#: The conf fields of each kind's DAG, and the one without which a step would reach beyond its subject.
FIELDS: dict[Kind, tuple[str, ...]] = {
    "user": ("user_id",),
    "service": ("tenant_id", "target_service", "target_instance"),
    "tenant": ("tenant_id",),
}
SUBJECT_FIELD: dict[Kind, str] = {"user": "user_id", "service": "target_instance", "tenant": "tenant_id"}

STORE_KINDS = ("postgres", "objects")
_SECRET_OPTION = re.compile(r"secret|password|token|credential|(^|_)key$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_COUNT = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ENV = re.compile(r"[A-Z_][A-Z0-9_]*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LITERAL_SEGMENT = re.compile(r"[A-Za-z0-9_.:@+~=-]*")


@dataclass(frozen=True)
class StoreConfig:
    """A store by name; its address, with whatever secret it holds, is in the environment variable `url_env`."""

    name: str
    kind: Literal["postgres", "objects"]
    url_env: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RowsStep:
    """Rows of a PostgreSQL table in which every column of `where` equals the conf field beside it."""

    store: str
    table: tuple[str, ...]
    where: dict[str, str]
    count: str
    batch_size: int


@dataclass(frozen=True)
class ObjectsStep:
    """All objects under a prefix, which ends in a slash: without it tenant-1 would erase tenant-10."""

    store: str
    prefix: str
    count: str


Step = RowsStep | ObjectsStep


@dataclass(frozen=True)
class Caps:
    """How much of one DAG may run at once. `queue` names a Celery queue, for workers of its own."""

    pool_slots: int = 16
    max_active_runs: int = 16
    queue: str | None = None


@dataclass(frozen=True)
class DagSpec:
    """One generated DAG: of what kind, with which pool and caps."""

    dag_id: str
    kind: Kind
    pool: str
    caps: Caps


@dataclass(frozen=True)
class Erasers:
    """The whole file, checked."""

    stores: dict[str, StoreConfig]
    lanes: dict[str, Caps]
    user_caps: Caps
    tenant_caps: Caps
    user: tuple[Step, ...] | None
    tenant: tuple[Step, ...] | None
    services: dict[str, tuple[Step, ...]]

    def dags(self) -> list[DagSpec]:
        """The DAGs to generate: users, tenants, and services once per lane."""
        specs = [
            DagSpec(USER_DAG, "user", "expunge_user", self.user_caps),
            DagSpec(TENANT_DAG, "tenant", "expunge_tenant", self.tenant_caps),
        ]
        for lane, caps in self.lanes.items():
            suffix = "" if lane == DEFAULT_LANE else f"__{lane}"
            specs.append(DagSpec(f"{SERVICE_DAG}{suffix}", "service", f"expunge_service{suffix}", caps))
        return specs

    def steps_for(self, kind: Kind, service_type: str | None = None) -> tuple[Step, ...] | None:
        """The steps that erase such a subject, or None when nobody has said how."""
        if kind == "user":
            return self.user
        if kind == "tenant":
            return self.tenant
        return self.services.get(service_type or "")


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML lets the last of two equal keys win, and a table would quietly keep its rows."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_erasers(path: str | Path) -> Erasers:
    """Reads and checks the file. Raises ConfigError with every fault."""
    if not path:
        raise ConfigError("environment", ["ERASERS_FILE: is missing; it names your erasers.yaml"])
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read ({error.strerror}); ERASERS_FILE names your erasers.yaml"]) from error
    return parse_erasers(text, str(path))


def parse_erasers(text: str, source: str = "erasers.yaml") -> Erasers:
    """As load_erasers, from the text itself."""
    try:
        document = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(source, [f"is no YAML: {error}"]) from error
    check = _Check()
    erasers = check.document(document)
    if check.faults:
        raise ConfigError(source, check.faults)
    return erasers


class _Check:
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
