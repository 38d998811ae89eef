from pathlib import Path

import pytest
from conftest import ERASERS

from expunge_erasers.errors import ConfigError
from expunge_erasers.load import load_erasers, parse_erasers

EXAMPLE = Path(__file__).parent.parent / "erasers.example.yaml"


def with_step(step: str, kind: str = "service") -> str:
    place = f"  services:\n    x:\n      - {step}" if kind == "service" else f"  {kind}:\n    - {step}"
    return f"stores:\n  db: {{kind: postgres, url_env: DB}}\n  files: {{kind: objects, url_env: FILES}}\nerasers:\n{place}\n"


def faults_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_erasers(text)
    return "\n".join(caught.value.faults)


def test_the_example_is_valid():
    erasers = load_erasers(EXAMPLE)
    assert [spec.dag_id for spec in erasers.dags()] == [
        "user_cleanup_dag",
        "tenant_cleanup_dag",
        "service_cleanup_dag",
        "service_cleanup_dag__heavy",
    ]
    assert len({spec.pool for spec in erasers.dags()}) == 4


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ('{store: files, prefix: "t/{target_instance}", count: n}', "must end in `/`"),
        ('{store: files, prefix: "/t/{target_instance}/", count: n}', "plain path segments"),
        ('{store: files, prefix: "t/../{target_instance}/", count: n}', "plain path segments"),
        ('{store: files, prefix: "t//{target_instance}/", count: n}', "plain path segments"),
        ('{store: files, prefix: "*/{target_instance}/", count: n}', "wildcards"),
        ('{store: files, prefix: "t/{tenant_id}/", count: n}', "must use target_instance"),
        ('{store: files, prefix: "t/{user_id}/{target_instance}/", count: n}', "has {user_id}"),
        ('{store: files, prefix: "t/{target_instance.x}/", count: n}', "has {target_instance.x}"),
        ('{store: files, prefix: "t/{target_instance!r}/", count: n}', "has {target_instance!r}"),
        ('{store: files, prefix: "t/{target_instance}}/", count: n}', "plain path segments"),
        ('{store: files, prefix: "t/{target_instance}/", count: "N M"}', "count"),
        ('{store: files, prefix: "t/{target_instance}/"}', "count: is missing"),
        ('{store: gone, prefix: "t/{target_instance}/", count: n}', "known stores: db, files"),
        ('{store: db, prefix: "t/{target_instance}/", count: n}', "needs objects"),
        ("{store: files, table: t, where: {i: target_instance}, count: n}", "needs postgres"),
        ("{store: db, table: a.b.c, where: {i: target_instance}, count: n}", "schema.table"),
        ("{store: db, table: t, count: n}", "must use target_instance"),
        ("{store: db, table: t, where: {i: tenant_id}, count: n}", "must use target_instance"),
        ("{store: db, table: t, where: {i: target_instance, u: user_id}, count: n}", "where.u: is 'user_id'"),
        ("{store: db, table: t, where: {i: target_instance}, count: n, bach_size: 3}", "bach_size: is unknown"),
        ("{store: db, table: t, where: {i: target_instance}, count: n, batch_size: 0}", "from 1 to 100000"),
        ("{store: db, count: n}", "either `table`"),
    ],
)
def test_a_step_that_could_erase_wrongly_is_refused(step, fault):
    assert fault in faults_of(with_step(step))


def test_a_user_step_must_name_the_user_and_a_tenant_step_the_tenant():
    assert "must use user_id" in faults_of(with_step('{store: files, prefix: "u/", count: n}', "user"))
    assert "must use tenant_id" in faults_of(with_step("{store: db, table: t, where: {}, count: n}", "tenant"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "nothing is erased"),
        ("[1]", "must be a mapping"),
        ("a: [", "is no YAML"),
        ("stores: {s: {kind: mongodb, url_env: X}}", "'mongodb'; must be one of postgres, objects"),
        ("stores: {s: {kind: postgres, url: 'postgresql://u:p@h/d'}}", "environment variable"),
        ("stores: {s: {kind: postgres}}", "url_env: is missing"),
        ("stores: {s: {kind: objects, url_env: X, options: {secret: y}}}", "looks like a secret"),
        ("erasers: {user: []}", "at least one step"),
        ("erasers: {services: {x: null}}", "at least one step"),
        ("lanes: {'a b': {}}", "lane's name"),
        ("lanes: {a: {max_active_runs: 0}}", "from 1 to 100000"),
        ("erasers:\n  services:\n    x: []\n    x: []", "is there twice"),
        ("eraser: {}", "file.eraser: is unknown"),
    ],
)
def test_a_wrong_file_is_refused(text, fault):
    assert fault in faults_of(text)


def test_every_fault_is_named_at_once():
    faults = faults_of("stores: {s: {kind: x, url_env: y}}\nerasers: {user: []}\nlanes: {a: {pool_slots: -1}}")
    assert all(text in faults for text in ("stores.s.kind", "stores.s.url_env", "erasers.user", "lanes.a.pool_slots"))


def test_a_missing_file_says_what_to_set(tmp_path):
    with pytest.raises(ConfigError, match="ERASERS_FILE"):
        load_erasers(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="ERASERS_FILE: is missing"):
        load_erasers("")


def test_pool_slots_follow_the_runs_and_the_default_lane_is_always_there():
    erasers = parse_erasers(ERASERS)
    assert erasers.lanes["heavy"].pool_slots == 2
    assert erasers.lanes["default"].max_active_runs == 16
