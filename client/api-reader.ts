import type { z } from 'zod';
import { deletionAnswer, jobAnswer } from '../contracts/api/deletions.js';
import type { DeletionAnswer, JobAnswer } from '../contracts/api/deletions.js';
import { problemAnswer, problemType } from '../contracts/api/problems.js';
import type { ProblemAnswer } from '../contracts/api/problems.js';
import { subjectAnswer } from '../contracts/api/subjects.js';
import type { SubjectAnswer } from '../contracts/api/subjects.js';
import { tenantAnswer } from '../contracts/api/tenants.js';
import type { TenantAnswer } from '../contracts/api/tenants.js';
import { derivedId, incomingId, personId, subjectRef as subjectRefField } from '../contracts/topics/index.js';
import { causeOf, ClientFault } from './faults.js';

/** What can be read of the API. All throw ClientFault: usage (no id), not-found, unreachable. */
export interface ApiReader {
  deletion(requestId: string): Promise<DeletionAnswer>;
  job(jobId: string): Promise<JobAnswer>;
  tenant(tenantId: string): Promise<TenantAnswer>;
  subject(subjectRef: string): Promise<SubjectAnswer>;
  subjectOfUser(userId: string): Promise<SubjectAnswer>;
}

const TIMEOUT_MS = 15_000;

export interface ApiReaderOptions {
  /** Sent with every call. */
  readonly token?: string | undefined;
  readonly fetch?: typeof fetch | undefined;
}

/** Reads the API at an address, without a slash at its end. */
export function createApiReader(apiUrl: string, { token, fetch: fetchImpl = fetch }: ApiReaderOptions = {}): ApiReader {
  const read = async <S extends z.ZodType>(schema: S, path: string): Promise<z.output<S>> => {
    const { status, body } = await ask(fetchImpl, apiUrl, path, token);
    if (status === 200) {
      const parsed = schema.safeParse(body);
      if (parsed.success) return parsed.data;
      throw stranger(apiUrl, 'an answer of another form; are client and API of the same version?');
    }
    const problem = problemAnswer.safeParse(body);
    if (!problem.success) throw stranger(apiUrl, `HTTP ${status} and no problem document`);
    throw faultOf(problem.data, apiUrl);
  };
  return {
    deletion: async (requestId) => read(deletionAnswer, `/api/v1/deletions/${segment(derivedId, 'requestId', requestId)}`),
    job: async (jobId) => read(jobAnswer, `/api/v1/jobs/${segment(derivedId, 'jobId', jobId)}`),
    tenant: async (tenantId) => read(tenantAnswer, `/api/v1/tenants/${segment(incomingId, 'tenantId', tenantId)}`),
    subject: async (subjectRef) => read(subjectAnswer, `/api/v1/subjects/${segment(subjectRefField, 'subjectRef', subjectRef)}`),
    subjectOfUser: async (userId) => read(subjectAnswer, `/api/v1/subjects/by-user/${segment(personId, 'userId', userId)}`),
  };
}

async function ask(fetchImpl: typeof fetch, apiUrl: string, path: string, token: string | undefined): Promise<{ status: number; body: unknown }> {
  let status: number;
  let text: string;
  try {
    const response = await fetchImpl(`${apiUrl}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error', headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) } });
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw new ClientFault('unreachable', `The API cannot be reached at ${apiUrl} (${causeOf(error)}): start it (npm start -- --roles api), or set EXPUNGE_API_URL to where it is.`, { cause: error });
  }
  try {
    return { status, body: JSON.parse(text) as unknown };
  } catch {
    return { status, body: undefined }; // told by the caller as what it is: no answer of this API
  }
}

/** An id as a path's segment; checked here, because `..` would name another path. */
function segment(schema: typeof derivedId, name: string, id: string): string {
  const parsed = schema.safeParse(id);
  if (parsed.success) return encodeURIComponent(parsed.data);
  throw new ClientFault('usage', `${name} ${parsed.error.issues[0]?.message ?? 'is no id'}.`);
}

function faultOf({ type, detail, status }: ProblemAnswer, apiUrl: string): ClientFault {
  if (type === problemType('unavailable')) return new ClientFault('unreachable', `The API at ${apiUrl} answers, but a part behind it does not: ${detail}`);
  if (status === 401) return new ClientFault('refused', `The API at ${apiUrl} does not know you: ${detail} Set EXPUNGE_API_TOKEN to a token of yours (for the local stack: npm run --silent token).`);
  if (status === 403) return new ClientFault('refused', detail);
  if (type === problemType('unknown-path')) return stranger(apiUrl, 'no such route; is it older than this client?');
  if (status === 404) return new ClientFault('not-found', detail);
  if (status === 400) return new ClientFault('usage', detail);
  return new ClientFault('unreachable', `The API at ${apiUrl} failed: ${detail}`);
}

const stranger = (apiUrl: string, found: string): ClientFault =>
  new ClientFault('unreachable', `What answers at ${apiUrl} is not Expunge's API as this client knows it (${found}): set EXPUNGE_API_URL to where it is.`);
