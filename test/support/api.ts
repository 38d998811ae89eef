import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTokenVerifier } from '../../api/access/token-verifier.js';
import type { ApiReads } from '../../api/reads.js';
import { createApi, type ApiDeps } from '../../api/server.js';
import type { DeadLetterShelf } from '../../api/dead-letters.js';
import { createWrites } from '../../api/writes.js';
import type { OutgoingRecord } from '../../bus/messages.js';
import type { Producer, SendResult } from '../../bus/producer.js';
import { createHealth } from '../../platform/health.js';
import { createLog } from '../../platform/log.js';
import { createMetrics } from '../../platform/metrics.js';
import { openTokenIssuer, TOKEN_AUDIENCE, TOKEN_ISSUER, type TokenClaims } from '../../stack/tokens.js';

const nothing = () => Promise.resolve(undefined);
const none = () => Promise.resolve([]);
const EMPTY: ApiReads = { deletion: nothing, job: nothing, tenant: nothing, subject: () => Promise.resolve({ subjectRefs: ['v1.00000000'], counts: [], tombstone: undefined }), deletions: none, tenants: none, services: none };

const noLetters: DeadLetterShelf = { topics: ['users.deletion.request'], newest: none, one: nothing, replay: nothing };

export interface OpenApiOptions extends Partial<Pick<ApiDeps, 'verifyToken' | 'webUi' | 'deadLetters' | 'requestsPerMinute' | 'corsOrigins' | 'metrics'>> {
  readonly reads?: Partial<ApiReads>;
  /** What Kafka says to a record. */
  readonly send?: (record: OutgoingRecord) => SendResult;
  /** Temporal's client; none can be reached when left out. */
  readonly temporal?: Parameters<typeof createWrites>[0]['temporal'];
}

/** An API without a ledger, Kafka or Temporal behind it, to be asked with `inject`. Everyone may call it unless it has a verifier. */
export function openApi({ reads, send = () => ({ ok: true }), temporal = () => Promise.reject(new Error('no Temporal here')), verifyToken, requestsPerMinute = 1_000_000, webUi, deadLetters = noLetters, corsOrigins = [], metrics }: OpenApiOptions = {}) {
  const health = createHealth({ registry: createMetrics().registry });
  health.addReadiness('all', () => true);
  const producer: Producer = { send: (records) => Promise.resolve(records.map(send)), close: () => Promise.resolve() };
  return createApi({
    reads: { ...EMPTY, ...reads }, writes: createWrites({ kafka: () => producer, temporal }, 200), deadLetters, health, log: createLog({ level: 'silent' }), verifyToken, requestsPerMinute, webUi, corsOrigins, metrics,
  });
}

/** An issuer of tokens with keys of its own, and the verifier that takes them. */
export async function openTestIssuer() {
  const issuer = await openTokenIssuer(mkdtempSync(join(tmpdir(), 'expunge-tokens-')));
  const verifyToken = createTokenVerifier({ jwks: { file: issuer.jwksFile }, issuer: TOKEN_ISSUER, audience: TOKEN_AUDIENCE, algorithms: ['ES256', 'RS256'], claims: { roles: 'roles', tenant: 'tenant' } });
  return {
    issuer,
    verifyToken,
    /** The header of a call by someone. */
    as: async (role?: TokenClaims['role'], claims: Partial<TokenClaims> = {}) => ({ authorization: `Bearer ${await issuer.issue({ subject: 'ann', role, expiresInMs: 60_000, ...claims })}` }),
  };
}
