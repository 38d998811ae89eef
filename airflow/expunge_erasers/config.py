"""What erasers.yaml says: what is erased where, and the DAGs that do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

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
