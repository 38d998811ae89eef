"""Keeps runs over a restart, in one SQLite file. What was running is queued again: erasing twice changes nothing."""

from __future__ import annotations

import json
import sqlite3

from .runs import FINISHED, Run


class StateFile:
    """Called under the simulator's lock only."""

    def __init__(self, path: str):
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
            "CREATE TABLE IF NOT EXISTS runs (seq INTEGER PRIMARY KEY AUTOINCREMENT, dag_id TEXT NOT NULL,"
            " run_id TEXT NOT NULL, run TEXT NOT NULL, UNIQUE (dag_id, run_id));"
            "CREATE TABLE IF NOT EXISTS paused (dag_id TEXT PRIMARY KEY);"
        )

    def load(self) -> tuple[list[Run], list[str]]:
        """All runs in the order they came, and the paused DAGs."""
        runs = [Run.restored(json.loads(text)) for (text,) in self._db.execute("SELECT run FROM runs ORDER BY seq")]
        for run in runs:
            if run.state not in FINISHED:
                run.requeue()
        return runs, [dag_id for (dag_id,) in self._db.execute("SELECT dag_id FROM paused")]

    def save(self, run: Run) -> None:
        """Inserts or replaces the run."""
        self._db.execute(
            "INSERT INTO runs (dag_id, run_id, run) VALUES (?, ?, ?) ON CONFLICT (dag_id, run_id) DO UPDATE SET run = excluded.run",
            (run.dag_id, run.run_id, json.dumps(run.stored())),
        )

    def pause(self, dag_id: str, paused: bool) -> None:
        """Remembers whether the DAG is paused."""
        self._db.execute("INSERT OR IGNORE INTO paused VALUES (?)" if paused else "DELETE FROM paused WHERE dag_id = ?", (dag_id,))

    def clear(self) -> None:
        """Forgets everything."""
        self._db.executescript("DELETE FROM runs; DELETE FROM paused;")

    def close(self) -> None:
        """Closes the file."""
        self._db.close()
