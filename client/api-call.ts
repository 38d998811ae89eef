import type { z } from 'zod';
import { problemAnswer, problemType } from '../contracts/api/problems.js';
import type { ProblemAnswer } from '../contracts/api/problems.js';
import { causeOf, ClientFault } from './faults.js';

/** Parameters of a query; of several values each is sent. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** Calls of one API. All throw ClientFault: usage, not-found, refused, unreachable. */
export interface ApiCall {
  get<S extends z.ZodType>(schema: S, path: string, query?: Query): Promise<z.output<S>>;
  post<S extends z.ZodType>(schema: S, path: string, body: object): Promise<z.output<S>>;
}

export interface ApiOptions {
  /** Sent with every call. */
  readonly token?: string | undefined;
  readonly fetch?: typeof fetch | undefined;
}

const TIMEOUT_MS = 15_000;

/** The API at an address, without a slash at its end. */
export function createApiCall(apiUrl: string, { token, fetch: fetchImpl = fetch }: ApiOptions): ApiCall {
  const ask = async (path: string, init: RequestInit): Promise<{ status: number; body: unknown }> => {
    let status: number;
    let text: string;
    try {
      const response = await fetchImpl(`${apiUrl}${path}`, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error', headers: { accept: 'application/json', ...(init.body === undefined ? {} : { 'content-type': 'application/json' }), ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) } });
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
  };
  const answered = async <S extends z.ZodType>(schema: S, path: string, init: RequestInit): Promise<z.output<S>> => {
    const { status, body } = await ask(path, init);
    if (status === 200 || status === 202) {
      const parsed = schema.safeParse(body);
      if (parsed.success) return parsed.data;
      throw stranger(apiUrl, 'an answer of another form; are client and API of the same version?');
    }
    const problem = problemAnswer.safeParse(body);
    if (!problem.success) throw stranger(apiUrl, `HTTP ${status} and no problem document`);
    throw faultOf(problem.data, apiUrl, token !== undefined);
  };
  return {
    get: (schema, path, query = {}) => answered(schema, `${path}${queryOf(query)}`, {}),
    post: (schema, path, body) => answered(schema, path, { method: 'POST', body: JSON.stringify(body) }),
  };
}

function queryOf(query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return [];
    return typeof value === 'object' ? value.map((one) => [name, one]) : [[name, String(value)]];
  });
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
}

/** An id as a path's segment; checked here, because `..` would name another path. @throws ClientFault usage */
export function segment(schema: z.ZodType<string>, name: string, id: string): string {
  const parsed = schema.safeParse(id);
  if (parsed.success) return encodeURIComponent(parsed.data);
  throw new ClientFault('usage', `${name} ${parsed.error.issues[0]?.message ?? 'is no id'}.`);
}

const LOCAL = 'for the local stack: npm run --silent token -- --role operator';

function faultOf({ type, detail, status, errors }: ProblemAnswer, apiUrl: string, hadToken: boolean): ClientFault {
  if (type === problemType('unavailable')) return new ClientFault('unreachable', `The API at ${apiUrl} answers, but a part behind it does not: ${detail}`);
  if (status === 401) return new ClientFault('refused', `The API at ${apiUrl} does not know you: ${detail} Set EXPUNGE_API_TOKEN to ${hadToken ? 'a new token' : 'a token'} of yours (${LOCAL}).`);
  if (status === 403) return new ClientFault('refused', `${detail} EXPUNGE_API_TOKEN holds the token that was sent: set it to one that may (${LOCAL}).`);
  if (type === problemType('unknown-path') || status === 405) return stranger(apiUrl, 'no such route; is it older than this client?');
  if (status === 404) return new ClientFault('not-found', detail);
  if (status === 409) return new ClientFault('refused', detail);
  if (status === 429) return new ClientFault('unreachable', `The API at ${apiUrl} takes no more calls for now: ${detail}`);
  if (status >= 400 && status < 500) return new ClientFault('usage', detail, { faults: errors });
  return new ClientFault('unreachable', `The API at ${apiUrl} failed: ${detail}`);
}

const stranger = (apiUrl: string, found: string): ClientFault =>
  new ClientFault('unreachable', `What answers at ${apiUrl} is not Expunge's API as this client knows it (${found}): set EXPUNGE_API_URL to where it is.`);
