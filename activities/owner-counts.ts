import { request } from 'undici';
import { z } from 'zod';
import { OWNER_OF_KIND, SUBJECT_KINDS, type OwnerService, type SubjectCounts, type SubjectKind } from '../contracts/names/index.js';
import { count } from '../contracts/topics/index.js';
import type { Queryable } from '../store/database.js';
import { readUserOf } from '../store/ledger/read.js';
import { InventoryUnavailable, type SubjectInventory } from './subject-inventory.js';

/** Where the services that own users' data are asked (docs/owner-counts.openapi.yaml). */
export interface OwnerCountsOptions {
  readonly database: Queryable;
  /** The address of each owner. */
  readonly urls: Readonly<Record<OwnerService, string>>;
  readonly token?: string | undefined;
  /** An answer is waited for no longer. */
  readonly timeoutMs: number;
}

const ALL_KINDS: ReadonlySet<SubjectKind> = new Set(SUBJECT_KINDS);

const KINDS_OF_OWNER = SUBJECT_KINDS.reduce(
  (owners, kind) => owners.set(OWNER_OF_KIND[kind], [...(owners.get(OWNER_OF_KIND[kind]) ?? []), kind]),
  new Map<OwnerService, SubjectKind[]>(),
);

/** Larger answers are none of this contract. */
const MAX_ANSWER_BYTES = 64 * 1024;

const answerSchema = z.object({ counts: z.record(z.string(), count) });

/**
 * Asks the services that own users' data what exists of a user, all at once: the way back from the local index
 * (`ENABLE_DIRECT_CALL`). One that is out, slow, or answers in another form makes the whole answer InventoryUnavailable.
 */
export function createOwnerInventory({ database, urls, token, timeoutMs }: OwnerCountsOptions): SubjectInventory {
  const askOwner = async (owner: OwnerService, kinds: readonly SubjectKind[], question: string): Promise<SubjectCounts> => {
    const unavailable = (why: string) => new InventoryUnavailable(owner, why);
    let status: number;
    let text: string;
    try {
      const { statusCode, body } = await request(`${urls[owner]}/user-counts`, {
        method: 'POST',
        headers: { accept: 'application/json', 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
        body: question,
        signal: AbortSignal.timeout(timeoutMs),
      });
      status = statusCode;
      text = await textOf(body);
    } catch (error) {
      // Never with the error's own text: it may quote what was sent.
      throw unavailable(error instanceof AnswerTooLarge ? error.message : error instanceof Error && error.name === 'TimeoutError' ? `did not answer within ${timeoutMs} ms` : `cannot be reached (${codeOf(error)})`);
    }
    if (status !== 200) throw unavailable(`answered HTTP ${status}`);
    const parsed = answerSchema.safeParse(jsonOf(text));
    if (!parsed.success) throw unavailable('answered in another form than docs/owner-counts.openapi.yaml has it');
    const { counts } = parsed.data;
    const missing = kinds.filter((kind) => counts[kind] === undefined);
    if (missing.length > 0) throw unavailable(`did not say how much there is of ${missing.join(', ')}`);
    return Object.fromEntries(kinds.map((kind) => [kind, counts[kind] ?? 0]));
  };

  return {
    seesGo: ALL_KINDS,
    readAhead: {},
    isLocal: false,
    ask: async (requestId) => {
      const user = await readUserOf(database, requestId);
      const question = JSON.stringify({ user_id: user?.userId, ...(user?.completedAt && { created_before: user.completedAt.toISOString() }) });
      const answers = user ? await Promise.all([...KINDS_OF_OWNER].map(([owner, kinds]) => askOwner(owner, kinds, question))) : [];
      const counts: SubjectCounts = Object.assign({}, ...answers) as SubjectCounts;
      return () => Promise.resolve(counts);
    },
  };
}

class AnswerTooLarge extends Error {}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new AnswerTooLarge(`answered with more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no connection');
