import { createHash } from 'node:crypto';

const DAY_MS = 86_400_000;
/** Tables of the ring, as in the migration that makes them. */
export const SLOTS = 16;
/** An event is remembered under the day that it happened on, wherever and whenever it comes again, unless it is older than this. */
const DAYS_BACK = 8;
/** Clocks of producers may be ahead. */
const DAYS_AHEAD = 1;

const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);
const slotOfDay = (day: number): number => ((day % SLOTS) + SLOTS) % SLOTS;

/** The slot of the ring that an event is remembered in: of the day that it happened on; of today for what is older or from the future. */
export function slotOf(atMs: number, nowMs: number): number {
  const [day, today] = [dayOf(atMs), dayOf(nowMs)];
  return slotOfDay(day >= today - DAYS_BACK && day <= today + DAYS_AHEAD ? day : today);
}

/** Slots whose days have passed: what is in them is forgotten, well before they are written to again. */
export function passedSlots(nowMs: number): readonly number[] {
  const today = dayOf(nowMs);
  const inUse = new Set(Array.from({ length: DAYS_BACK + DAYS_AHEAD + 2 }, (_, i) => slotOfDay(today - DAYS_BACK + i)));
  return Array.from({ length: SLOTS }, (_, slot) => slot).filter((slot) => !inUse.has(slot));
}

/** An event's id as it is remembered: of one length, whatever a producer chooses. */
export function eventUuid(eventId: string): string {
  const hex = createHash('sha256').update(eventId).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
