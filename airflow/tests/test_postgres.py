import threading

import psycopg
import pytest
from conftest import OpenFence
from psycopg.conninfo import make_conninfo

from expunge_erasers.erase import erase
from expunge_erasers.load import parse_erasers

CONF = {"tenant_id": "tenant-1", "target_service": "x", "target_instance": "srv-1"}


def erasers(table: str, where: str = "{tenant_id: tenant_id, instance_id: target_instance}", batch_size: int = 1000):
    return parse_erasers(
        "stores: {db: {kind: postgres, url_env: DB}}\n"
        f"erasers: {{services: {{x: [{{store: db, table: {table}, where: {where}, count: db_rows_purged, batch_size: {batch_size}}}]}}}}"
    )


@pytest.fixture
def rows(database):
    database.execute("CREATE TABLE app.things (tenant_id text, instance_id text, n int)")
    database.execute("INSERT INTO app.things SELECT 'tenant-1', 'srv-1', g FROM generate_series(1, 250) g")
    database.execute("INSERT INTO app.things VALUES ('tenant-1', 'srv-10', 1), ('tenant-10', 'srv-1', 1), ('tenant-1', NULL, 1)")
    return database


def count(database, table="app.things"):
    return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_erases_the_rows_of_its_subject_in_batches_and_again_nothing(rows, postgres_url):
    fence = OpenFence()
    assert erase(erasers("app.things", batch_size=100), "service", CONF, fence, {"DB": postgres_url}) == {"db_rows_purged": 250}
    assert count(rows) == 3
    assert fence.batches == 3
    assert erase(erasers("app.things"), "service", CONF, OpenFence(), {"DB": postgres_url}) == {"db_rows_purged": 0}


def test_a_dry_run_counts_rows(rows, postgres_url):
    assert erase(erasers("app.things"), "service", {**CONF, "dry_run": True}, OpenFence(), {"DB": postgres_url}) == {"db_rows_purged": 250}
    assert count(rows) == 253


def test_odd_names_are_quoted(database, postgres_url):
    database.execute('CREATE TABLE app."Drop Table; --" ("instance ""id" text)')
    database.execute("""INSERT INTO app."Drop Table; --" VALUES ('srv-1'), ('srv-2')""")
    odd = erasers("'app.Drop Table; --'", """{'instance "id': target_instance}""")
    assert erase(odd, "service", CONF, OpenFence(), {"DB": postgres_url}) == {"db_rows_purged": 1}


def test_partitions_are_erased_whole(database, postgres_url):
    database.execute("CREATE TABLE app.parts (tenant_id text, instance_id text, n int) PARTITION BY HASH (n)")
    for part in range(4):
        database.execute(f"CREATE TABLE app.parts_{part} PARTITION OF app.parts FOR VALUES WITH (MODULUS 4, REMAINDER {part})")
    database.execute(
        "INSERT INTO app.parts SELECT 'tenant-1', CASE WHEN g % 2 = 0 THEN 'srv-1' ELSE 'srv-2' END, g FROM generate_series(1, 400) g"
    )
    assert erase(erasers("app.parts", batch_size=30), "service", CONF, OpenFence(), {"DB": postgres_url}) == {"db_rows_purged": 200}
    assert count(database, "app.parts") == 200


def test_columns_of_other_types_are_compared(database, postgres_url):
    database.execute("CREATE TABLE app.numbers (instance_id bigint)")
    database.execute("INSERT INTO app.numbers VALUES (42), (43)")
    numbers = erasers("app.numbers", "{instance_id: target_instance}")
    assert erase(numbers, "service", {**CONF, "target_instance": "42"}, OpenFence(), {"DB": postgres_url}) == {"db_rows_purged": 1}
    with pytest.raises(psycopg.DataError):
        erase(numbers, "service", CONF, OpenFence(), {"DB": postgres_url})


def test_a_missing_table_is_an_error(database, postgres_url):
    with pytest.raises(psycopg.errors.UndefinedTable):
        erase(erasers("app.gone"), "service", CONF, OpenFence(), {"DB": postgres_url})


def test_rows_that_row_security_would_hide_are_an_error_and_not_a_zero(rows, postgres_url):
    rows.execute("DROP ROLE IF EXISTS eraser")
    rows.execute("CREATE ROLE eraser LOGIN PASSWORD 'only-for-this-test'")
    rows.execute("GRANT USAGE ON SCHEMA app TO eraser")
    rows.execute("GRANT SELECT, DELETE ON app.things TO eraser")
    rows.execute("ALTER TABLE app.things ENABLE ROW LEVEL SECURITY")
    try:
        as_eraser = make_conninfo(postgres_url, user="eraser", password="only-for-this-test")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            erase(erasers("app.things"), "service", CONF, OpenFence(), {"DB": as_eraser})
    finally:
        rows.execute("DROP OWNED BY eraser")
        rows.execute("DROP ROLE eraser")


def test_a_row_that_moves_while_it_is_erased_goes_too(database, postgres_url):
    database.execute("CREATE TABLE app.things (tenant_id text, instance_id text, n int)")
    database.execute("INSERT INTO app.things VALUES ('tenant-1', 'srv-1', 0)")
    counts = {}
    with psycopg.connect(postgres_url) as writer:
        writer.execute("UPDATE app.things SET n = 1")
        thread = threading.Thread(
            target=lambda: counts.update(erase(erasers("app.things"), "service", CONF, OpenFence(), {"DB": postgres_url}))
        )
        thread.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'expunge-eraser' AND wait_event_type = 'Lock'"
        from conftest import wait_for

        wait_for(lambda: database.execute(waiting).fetchone()[0])
        writer.commit()
        thread.join(10)
    assert counts == {"db_rows_purged": 1}
    assert count(database) == 0
