import type { Database, Transaction } from '../database.js';
import { settle, type Resurrection, type SettledBatch, type SubjectEvent, type SubjectEventOutcome } from './batch.rules.js';
import { holdOffErasure } from './fence.js';
import { rankOf, type Item } from './item.rules.js';
import { eventUuid, slotOf } from './remembered.rules.js';

/** What a batch of events has come to, once it is committed. */
export interface AppliedEvents {
  /** One for each event, in their order. */
  readonly outcomes: readonly SubjectEventOutcome[];
  /** Each told of once, however often its event comes. */
  readonly resurrections: readonly Resurrection[];
}

/**
 * Applies events to the subject inventory, all in one transaction of two round trips: what they say and that they were handled.
 * Of each item the latest event counts, in whatever order they come; an event whose id was handled before changes nothing, and
 * neither does one that is older than the erasure of its subject.
 */
export async function applySubjectEvents(database: Database, events: readonly SubjectEvent[], nowMs = Date.now()): Promise<AppliedEvents> {
  if (events.length === 0) return { outcomes: [], resurrections: [] };
  return database.transaction(async (tx) => {
    const subjectRefs = [...new Set(events.flatMap(({ owner, state }) => (owner && state !== 'gone' ? owner.subjectRefs : [])))];
    holdOffErasure(tx, subjectRefs);
    const [isNew, erasedAtMs] = await Promise.all([markAsHandled(tx, events, nowMs), readErasures(tx, subjectRefs)]);
    const settled = settle(events, isNew, (subjectRef) => erasedAtMs.get(subjectRef));
    writeSettled(tx, settled);
    return settled;
  });
}

/** @returns whether the event at a place of the batch is handled for the first time */
async function markAsHandled(tx: Transaction, events: readonly SubjectEvent[], nowMs: number): Promise<(index: number) => boolean> {
  const firstOf = new Map<string, { readonly index: number; readonly slot: number }>();
  for (const [index, { eventId, at }] of events.entries()) {
    const uuid = eventUuid(eventId);
    if (!firstOf.has(uuid)) firstOf.set(uuid, { index, slot: slotOf(at.getTime(), nowMs) });
  }
  // In one order everywhere: two batches that share events wait for one another, and never both.
  const rows = await tx.rows<{ eventId: string }>(
    `INSERT INTO subject_events (slot, event_id) SELECT slot, event_id FROM unnest($1::smallint[], $2::uuid[]) AS given (slot, event_id) ORDER BY slot, event_id
     ON CONFLICT DO NOTHING RETURNING event_id`,
    [[...firstOf.values()].map(({ slot }) => slot), [...firstOf.keys()]],
  );
  const isNew = new Set(rows.map(({ eventId }) => firstOf.get(eventId)?.index));
  return (index) => isNew.has(index);
}

async function readErasures(tx: Transaction, subjectRefs: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.rows<{ subjectRef: string; erasedAt: Date }>('SELECT subject_ref, erased_at FROM subject_tombstones WHERE subject_ref = ANY($1)', [subjectRefs]);
  return new Map(rows.map(({ subjectRef, erasedAt }) => [subjectRef, erasedAt.getTime()]));
}

function writeSettled(tx: Transaction, { items, subjects, resurrections }: SettledBatch): void {
  if (resurrections.length > 0) noteResurrections(tx, resurrections);
  if (subjects.length > 0) {
    tx.write(
      `INSERT INTO subject_ids (subject_ref, user_id) SELECT * FROM unnest($1::text[], $2::text[]) AS given (subject_ref, user_id) ORDER BY given.subject_ref COLLATE "C"
       ON CONFLICT DO NOTHING`,
      [subjects.map(({ subjectRef }) => subjectRef), subjects.map(({ userId }) => userId)],
    );
  }
  if (items.length > 0) mergeItems(tx, items);
}

/** Whoever tells of them may be gone before they are told of. */
function noteResurrections(tx: Transaction, resurrections: readonly Resurrection[]): void {
  tx.write(
    `INSERT INTO subject_resurrections AS known (subject_ref, kind, last_at, events)
     SELECT subject_ref, kind, max(at), count(*) FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS given (subject_ref, kind, at)
     GROUP BY subject_ref, kind ORDER BY subject_ref COLLATE "C", kind COLLATE "C"
     ON CONFLICT (subject_ref, kind) DO UPDATE SET last_at = greatest(known.last_at, excluded.last_at), events = known.events + excluded.events, noted_at = excluded.noted_at`,
    [resurrections.map(({ subjectRef }) => subjectRef), resurrections.map(({ kind }) => kind), resurrections.map(({ at }) => at.toISOString())],
  );
}

const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** The rule of item.rules.ts, against what is stored. */
function mergeItems(tx: Transaction, items: readonly Item[]): void {
  tx.write(
    `INSERT INTO subject_items AS known (kind, item_id, state, event_at, subject_ref, since_at)
     SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[], $4::timestamptz[], $5::text[], $6::timestamptz[]) AS given (kind, item_id, state, event_at, subject_ref, since_at)
     ORDER BY kind COLLATE "C", item_id COLLATE "C"
     ON CONFLICT (kind, item_id) DO UPDATE SET
       (state, event_at, subject_ref) = (SELECT winner.state, winner.event_at, winner.subject_ref
         FROM (VALUES (known.state, known.event_at, known.subject_ref), (excluded.state, excluded.event_at, excluded.subject_ref)) AS winner (state, event_at, subject_ref)
         ORDER BY winner.event_at DESC, winner.state DESC, winner.subject_ref DESC LIMIT 1),
       since_at = least(known.since_at, excluded.since_at), noted_at = excluded.noted_at
     WHERE (excluded.event_at, excluded.state, coalesce(excluded.subject_ref, '')) > (known.event_at, known.state, coalesce(known.subject_ref, ''))
        OR excluded.since_at < known.since_at OR (known.since_at IS NULL AND excluded.since_at IS NOT NULL)`,
    [
      items.map(({ kind }) => kind),
      items.map(({ itemId }) => itemId),
      items.map(({ state }) => rankOf(state)),
      items.map(({ atMs }) => timeOf(atMs)),
      items.map(({ subjectRef }) => subjectRef),
      items.map(({ sinceMs }) => timeOf(sinceMs)),
    ],
  );
}
