"""PostgreSQL rows."""

from __future__ import annotations

import time
from typing import Callable

import psycopg
from psycopg import sql

from ..config import RowsStep

_LOCK_TIMEOUT_MS = 30_000
_CONNECT_TIMEOUT_S = 10


class PostgresStore:
    """A database to erase rows from. One connection per step, every batch its own transaction."""

    def __init__(self, url: str):
        self._url = url

    def _connect(self) -> psycopg.Connection:
        # row_security=off: PostgreSQL refuses rather than hide rows, which would be an empty success.
        return psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="expunge-eraser",
            options=f"-c row_security=off -c lock_timeout={_LOCK_TIMEOUT_MS}",
        )

    def count(self, step: RowsStep, fields: dict[str, str]) -> int:
        """How many rows the step would erase."""
        table, condition, values = _statement_parts(step, fields)
        with self._connect() as connection:
            query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(table, condition)
            row = connection.execute(query, values).fetchone()
            return int(row[0]) if row else 0

    def erase(self, step: RowsStep, fields: dict[str, str], between_batches: Callable[[], None]) -> int:
        """Deletes the step's rows in batches, so that no lock is held for long; returns how many there were."""
        table, condition, values = _statement_parts(step, fields)
        # The condition is there twice: in a partitioned table a ctid alone is not unique.
        delete = sql.SQL(
            "DELETE FROM {table} WHERE {condition} AND ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT {limit}))"
        ).format(table=table, condition=condition, limit=sql.Literal(step.batch_size))
        left = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(table, condition)
        erased = 0
        with self._connect() as connection:
            while True:
                rows = connection.execute(delete, values + values).rowcount
                erased += rows
                if rows == 0:
                    # A row that is updated meanwhile moves, and its old ctid deletes nothing.
                    row = connection.execute(left, values).fetchone()
                    if row is None or not row[0]:
                        return erased
                    time.sleep(0.1)
                between_batches()


def _statement_parts(step: RowsStep, fields: dict[str, str]) -> tuple[sql.Identifier, sql.Composed, list[str]]:
    condition = sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in step.where)
    return sql.Identifier(*step.table), condition, [fields[name] for name in step.where.values()]
