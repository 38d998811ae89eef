import { createHash } from 'node:crypto';

/** How many lanes the outbox has: the most relays that can share the work. As in the migration that makes them. */
export const OUTBOX_LANES = 16;

/** The lane of a request: all rows of one request are in one lane, so that one relay sends them in order. */
export const laneOf = (requestId: string, lanes: number): number => createHash('md5').update(requestId).digest().readUInt32BE(0) % lanes;
