import { ApplicationFailure } from '@temporalio/common';
import type { Activities } from '../../activities/answers.js';
import { MessageFault } from '../../contracts/topics/index.js';
import { ContentRefused, openDatabase, type Database } from '../../store/database.js';
import { openFaultyWire, STATEMENT_FAULTS, type StatementFault } from './statement-faults.js';
import { activitiesOn, openStore } from './store.js';

/** A ledger, and what writes to it. */
export interface Ledger {
  readonly database: Database;
  readonly activities: Activities;
}

/** A ledger in which a scene is made ready, without faults. */
export interface World extends Ledger {
  /** An id that only this run of the scene has. */
  readonly id: (name: string) => string;
}

/**
 * A piece of the product that writes to PostgreSQL: `prepare` makes the ledger ready and returns what meets the fault. That is tried
 * again, as Temporal, the consumer and the relay do, until it goes through; its answer and the ledger are those of a run without faults.
 */
export interface Scene {
  readonly name: string;
  readonly prepare: (world: World) => Promise<(ledger: Ledger) => Promise<unknown>>;
}

/** What a scene came to: its answer, and every row that it and its preparation wrote, without times. */
type Outcome = Readonly<Record<string, unknown>>;

/** One run of a scene with a fault, which came to something else. */
export interface Difference {
  readonly statement: number;
  readonly fault: StatementFault;
  readonly error?: string;
  readonly outcome?: Outcome;
}

export interface SceneReport {
  /** Statements of the run without faults, BEGIN and COMMIT included. */
  readonly statements: number;
  /** Runs with a fault. */
  readonly runs: number;
  readonly expected: Outcome;
  readonly differences: readonly Difference[];
}

export interface FaultLab {
  /** Runs a scene once without faults, and then once for each statement and fault. */
  run(scene: Scene): Promise<SceneReport>;
  close(): Promise<void>;
}

const MOST_TRIES = 4;
const TABLES = ['deletions', 'attempts', 'timeline', 'outbox', 'tenants', 'services', 'processed_events', 'outbox_relays', 'verifications', 'subject_ids', 'subject_items', 'subject_tombstones'] as const;
/** Looked at besides, but never emptied. */
const LOOKED_AT = [...TABLES, 'outbox_lanes'] as const;
/** By the clock, of the database's counting, or of a hash over ids. */
const MOVING = new Set(['id', 'lane', 'asked', 'durationMs', 'dueInMs', 'sentMsAgo', 'postedMsAgo', 'deadlineInMs', 'xmin']);

/** @throws what may not come of a fault: it would be kept as a dead letter, or never be tried again */
function mustBeAnOutage(error: unknown): void {
  if (error instanceof MessageFault || error instanceof ContentRefused) throw new Error(`taken for the message's fault: ${error.message}`, { cause: error });
  if (error instanceof ApplicationFailure && (error.nonRetryable === true || error.type === 'ContentRefused')) throw new Error(`not tried again: ${error.message}`, { cause: error });
}

async function untilItGoesThrough(act: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      mustBeAnOutage(error);
      if (tries === MOST_TRIES) throw error;
    }
  }
}

/** Opens a ledger of its own, and a faulty way to it. */
export async function openFaultLab(): Promise<FaultLab> {
  const store = await openStore();
  const wire = await openFaultyWire(store.databaseUrl);
  const faulty = openDatabase({ url: wire.url, poolSize: 4 });
  const over: Ledger = { database: faulty, activities: activitiesOn(faulty) };
  let runs = 0;

  const play = async (scene: Scene, fault?: { readonly nth: number; readonly kind: StatementFault }): Promise<Outcome> => {
    const run = `r${++runs}r`;
    const act = await scene.prepare({ database: store.database, activities: store.activities, id: (name) => `${name}-${run}` });
    if (fault) wire.arm(fault.nth, fault.kind);
    else wire.disarm();
    const answer = await untilItGoesThrough(() => act(over));
    const rows = await Promise.all(LOOKED_AT.map(async (table) => [table, await store.database.rows(`SELECT * FROM ${table} t WHERE t::text LIKE $1 ORDER BY ${table === 'timeline' || table === 'outbox' ? 'id' : 't::text'}`, [`%${run}%`])] as const));
    return still({ answer, ...Object.fromEntries(rows) }, run) as Outcome;
  };

  return {
    run: async (scene) => {
      // What earlier scenes wrote would only make each look at all rows slower.
      await store.database.script(`TRUNCATE ${TABLES.join(', ')} CASCADE`);
      const expected = await play(scene);
      const statements = wire.statements();
      const differences: Difference[] = [];
      let faults = 0;
      for (let statement = 1; statement <= statements; statement++) {
        for (const fault of STATEMENT_FAULTS) {
          faults++;
          try {
            const outcome = await play(scene, { nth: statement, kind: fault });
            if (!wire.fired()) differences.push({ statement, fault, error: 'the fault did not happen: the scene sends other statements each time' });
            else if (JSON.stringify(outcome) !== JSON.stringify(expected)) differences.push({ statement, fault, outcome });
          } catch (error) {
            differences.push({ statement, fault, error: String(error) });
          }
        }
      }
      return { statements, runs: faults, expected, differences };
    },
    close: async () => {
      await faulty.close();
      await wire.close();
      await store.close();
    },
  };
}

/** What a value is when the clock, the counting and the name of the run are taken out. */
function still(value: unknown, run: string): unknown {
  if (value instanceof Date) return '<time>';
  if (typeof value === 'string') {
    return value
      .replaceAll(run, 'run')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replaceAll(/\b\d+ms\b/g, '<ms>')
      .replaceAll(/"(durationMs)":\d+/g, '"$1":"<ms>"')
      .replaceAll(/\b[\da-f]{40}\b/g, '<hash>')
      .replaceAll(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g, '<uuid>');
  }
  if (Array.isArray(value)) return value.map((one) => still(one, run));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, MOVING.has(name) && one !== null ? '<moving>' : still(one, run)]));
}
