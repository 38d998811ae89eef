import { request, type Dispatcher } from 'undici';
import type { AirflowCredentials } from '../../platform/config.js';
import type { Metrics } from '../../platform/metrics.js';
import { currentPlace, describeSpan, inSpan, SpanKind } from '../../platform/tracing/spans.js';
import { retryAfterMs } from './retry-after.rules.js';

/** A DAG run, as far as it matters here. */
export interface DagRun {
  readonly state: 'queued' | 'running' | 'success' | 'failed';
  readonly conf: Readonly<Record<string, unknown>>;
}

/** What Airflow made of a run that was asked for. */
export type CreateAnswer =
  | { readonly outcome: 'created' }
  /** A run of this id is there already. */
  | { readonly outcome: 'exists' }
  /** No such DAG, or one that cannot be loaded: perhaps for the moment of a deployment only. */
  | { readonly outcome: 'dag-missing'; readonly text: string }
  | { readonly outcome: 'refused'; readonly text: string };

/** Airflow could not be reached or could not answer, or does not let us in: wait, nothing is known of the request's fate. */
export class AirflowUnavailable extends Error {
  override readonly name = 'AirflowUnavailable';
  /** How long it asks to be left alone, in ms (`Retry-After`, RFC 9110 section 10.2.3). */
  readonly retryAfterMs: number | undefined;
  constructor(operation: string, why: string, { cause, retryAfterMs }: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {}) {
    super(`Airflow did not ${operation}: ${why}`, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/** The part of Airflow's REST API v2 (Airflow 3) that is used here. Everything throws AirflowUnavailable. */
export interface AirflowApi {
  createRun(dagId: string, runId: string, conf: Readonly<Record<string, unknown>>): Promise<CreateAnswer>;
  getRun(dagId: string, runId: string): Promise<DagRun | undefined>;
  failRun(dagId: string, runId: string): Promise<void>;
  /** The state of a task; undefined when the run has no such task. */
  taskState(dagId: string, runId: string, taskId: string): Promise<string | null | undefined>;
  /** The value that a task left; undefined when it left none. */
  xcom(dagId: string, runId: string, taskId: string, key: string): Promise<unknown>;
}

export interface AirflowApiOptions {
  /** Without `/api/v2`. */
  readonly baseUrl: string;
  readonly credentials?: AirflowCredentials | undefined;
  readonly timeoutMs?: number;
  readonly metrics: Pick<Metrics, 'airflowRequests'>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfterMs?: number | undefined;
}

const RUNS = '/api/v2/dags/{dag_id}/dagRuns';
const TASK = `${RUNS}/{dag_run_id}/taskInstances/{task_id}`;
/** Where operations go, without the ids. */
const TEMPLATES: Readonly<Record<string, string>> = {
  'create run': RUNS,
  'get run': `${RUNS}/{dag_run_id}`,
  'fail run': `${RUNS}/{dag_run_id}`,
  'get task': TASK,
  'get xcom': `${TASK}/xcomEntries/{xcom_key}`,
};

const EXPECTED = new Set([400, 404, 409, 422]);
const MAX_TEXT = 2_000;
const RUN_STATES = ['queued', 'running', 'success', 'failed'] as const;

/** A client of Airflow's REST API. Tokens are fetched when needed, and anew when Airflow no longer takes one. */
export function createAirflowApi({ baseUrl, credentials, timeoutMs = 30_000, metrics }: AirflowApiOptions): AirflowApi {
  let token: Promise<string> | undefined;

  const fetchJson = async (operation: string, url: string, init: Pick<Dispatcher.RequestOptions, 'method' | 'headers' | 'body'>): Promise<Answer> => {
    try {
      // Not fetch, which takes several times as long. A redirect is not followed: its answer is not one of Airflow's.
      const { statusCode, headers, body } = await request(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
      return { status: statusCode, body: parsed(await body.text()), retryAfterMs: retryAfterMs(headers['retry-after'], Date.now()) };
    } catch (error) {
      throw new AirflowUnavailable(operation, networkFault(error, timeoutMs), { cause: error });
    }
  };

  const freshToken = async ({ username, password }: { username: string; password: string }): Promise<string> => {
    const { status, body } = await fetchJson('give a token', `${baseUrl}/auth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
    const found = isObject(body) ? body['access_token'] : undefined;
    if (status >= 300 || typeof found !== 'string') throw new AirflowUnavailable('give a token', `HTTP ${status}; check AIRFLOW_USERNAME, AIRFLOW_PASSWORD and AIRFLOW_API_URL`);
    return found;
  };

  const authorization = async (): Promise<Record<string, string>> => {
    if (!credentials) return {};
    if ('token' in credentials) return { authorization: `Bearer ${credentials.token}` };
    token ??= freshToken(credentials).catch((error: unknown) => {
      token = undefined;
      throw error;
    });
    return { authorization: `Bearer ${await token}` };
  };

  const { hostname, port, protocol } = new URL(baseUrl);
  const serverPort = Number(port) || (protocol === 'https:' ? 443 : 80);

  /** Asks under a span of its own, when it is for something that is traced (https://opentelemetry.io/docs/specs/semconv/http/http-spans/). */
  const call = (operation: string, method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<Answer> => {
    if (!currentPlace()) return ask(operation, method, path, body);
    const template = TEMPLATES[operation] ?? '';
    const attributes = { 'http.request.method': method, 'url.template': template, 'server.address': hostname, 'server.port': serverPort };
    return inSpan(`${method} ${template}`.trim(), { kind: SpanKind.CLIENT, attributes }, async () => {
      const answer = await ask(operation, method, path, body);
      describeSpan({ 'http.response.status_code': answer.status });
      return answer;
    });
  };

  /** @returns an answer of 2xx, or one of those that mean something: 400, 404, 409, 422 */
  const ask = async (operation: string, method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<Answer> => {
    const send = async (): Promise<Answer> => {
      const headers = { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }), ...currentPlace(), ...(await authorization()) };
      return fetchJson(operation, `${baseUrl}/api/v2/${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    };
    let answer: Answer | undefined;
    try {
      answer = await send();
      // Airflow answers 403 to a token that is no longer valid, 401 to none.
      if ((answer.status === 401 || answer.status === 403) && credentials && 'username' in credentials) {
        token = undefined;
        answer = await send();
      }
    } finally {
      metrics.airflowRequests.inc({ operation, outcome: answer === undefined ? 'unreachable' : String(answer.status) });
    }
    const { status } = answer;
    if ((status >= 200 && status < 300) || (EXPECTED.has(status) && isAirflows(answer))) return answer;
    throw new AirflowUnavailable(operation, `HTTP ${status}${remedyFor(status)}`, answer);
  };

  const runPath = (dagId: string, runId: string): string => `dags/${encodeURIComponent(dagId)}/dagRuns/${encodeURIComponent(runId)}`;
  const taskPath = (dagId: string, runId: string, taskId: string): string => `${runPath(dagId, runId)}/taskInstances/${encodeURIComponent(taskId)}`;

  /** The body of a 2xx, undefined for a 404. */
  const found = async (operation: string, path: string): Promise<Record<string, unknown> | undefined> => {
    const { status, body } = await call(operation, 'GET', path);
    if (status === 404) return undefined;
    if (status >= 300 || !isObject(body)) throw new AirflowUnavailable(operation, `an answer of HTTP ${status} that is not understood; check AIRFLOW_API_URL`);
    return body;
  };

  return {
    createRun: async (dagId, runId, conf) => {
      const { status, body } = await call('create run', 'POST', `dags/${encodeURIComponent(dagId)}/dagRuns`, { dag_run_id: runId, logical_date: null, conf });
      const text = detailOf(body);
      if (status === 409) return { outcome: 'exists' };
      if (status === 404 || (status === 400 && text.includes('has import errors'))) return { outcome: 'dag-missing', text };
      if (status >= 400) return { outcome: 'refused', text };
      // A login page answers 200 as well.
      if (!isObject(body) || body['dag_run_id'] !== runId) throw new AirflowUnavailable('create run', `HTTP ${status}, but not with the run; check AIRFLOW_API_URL`);
      return { outcome: 'created' };
    },
    getRun: async (dagId, runId) => {
      const run = await found('get run', runPath(dagId, runId));
      if (!run) return undefined;
      const state = RUN_STATES.find((known) => known === run['state']);
      if (!state) throw new AirflowUnavailable('get run', 'a run in a state that is not known; check that it is Airflow 3');
      return { state, conf: isObject(run['conf']) ? run['conf'] : {} };
    },
    failRun: async (dagId, runId) => {
      const { status } = await call('fail run', 'PATCH', runPath(dagId, runId), { state: 'failed' });
      if (status >= 300 && status !== 404) throw new AirflowUnavailable('fail run', `HTTP ${status}`);
    },
    taskState: async (dagId, runId, taskId) => {
      const task = await found('get task', taskPath(dagId, runId, taskId));
      const state = task?.['state'];
      return task && (typeof state === 'string' ? state : null);
    },
    xcom: async (dagId, runId, taskId, key) => {
      const entry = await found('get xcom', `${taskPath(dagId, runId, taskId)}/xcomEntries/${encodeURIComponent(key)}`);
      const value = entry?.['value'];
      return typeof value === 'string' ? (parsed(value) ?? value) : value;
    },
  };
}

/** Whether a refusal is Airflow's own: not a proxy's page, and not FastAPI's word that it has no such path, which means a wrong address. */
const isAirflows = ({ status, body }: Answer): boolean => isObject(body) && body['detail'] !== undefined && !(status === 404 && body['detail'] === 'Not Found');

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // not JSON: an answer of something before Airflow
  }
}

/** Airflow's own words. They may quote the conf, and so name a user: for the ledger only. */
function detailOf(body: unknown): string {
  const detail = isObject(body) ? body['detail'] : undefined;
  return (typeof detail === 'string' ? detail : JSON.stringify(detail ?? '')).slice(0, MAX_TEXT);
}

function remedyFor(status: number): string {
  if (status === 401 || status === 403) return '; check AIRFLOW_USERNAME and AIRFLOW_PASSWORD or AIRFLOW_TOKEN, and what that user may do';
  if (EXPECTED.has(status) || status === 405) return ', which is not its own answer; check AIRFLOW_API_URL';
  return '';
}

function networkFault(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return `it cannot be reached (${code ?? (error instanceof Error ? error.message : 'unknown')})`;
}
