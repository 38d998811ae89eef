import { normaliseTime } from '../contracts/topics/index.js';
import type { DeletionPosition, ListOrder } from '../store/ledger/list.js';

/** A cursor is opaque to callers and holds nothing but where the page before ended. */
const write = (parts: readonly string[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

function read(cursor: string): string[] | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : undefined;
  } catch {
    return undefined; // told by the caller of this as what it is: no cursor of this API
  }
}

const ID = /^[A-Za-z0-9._:~-]{1,160}$/;

export const deletionCursor = ({ order, at, requestId }: DeletionPosition): string => write([order, at, requestId]);

/** @returns undefined for what is no cursor of a list in this order */
export function readDeletionCursor(cursor: string, order: ListOrder): DeletionPosition | undefined {
  const [found, at, requestId, ...rest] = read(cursor) ?? [];
  const time = at === undefined ? undefined : normaliseTime(at);
  return found === order && time !== undefined && requestId !== undefined && ID.test(requestId) && rest.length === 0 ? { order, at: time, requestId } : undefined;
}

/** A cursor of a list that is sorted by ids. */
export const idCursor = (id: string): string => write(['id', id]);

/** @returns undefined for what is no cursor of such a list */
export function readIdCursor(cursor: string): string | undefined {
  const [found, id, ...rest] = read(cursor) ?? [];
  return found === 'id' && id !== undefined && ID.test(id) && rest.length === 0 ? id : undefined;
}
