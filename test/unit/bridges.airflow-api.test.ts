import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AirflowUnavailable, createAirflowApi, type AirflowApi } from '../../bridges/trigger/airflow-api.js';
import { createMetrics } from '../../platform/metrics.js';

interface Given { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }

let server: Server;
let baseUrl: string;
let asked: { method: string; path: string; authorization: string | undefined; body: unknown }[];
let answers: (path: string, request: IncomingMessage) => Given;

beforeEach(async () => {
  asked = [];
  answers = () => ({ status: 500 });
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const path = request.url ?? '';
      asked.push({ method: request.method ?? '', path, authorization: request.headers.authorization, body: text === '' ? undefined : JSON.parse(text) });
      const { status, body, headers = {} } = answers(path, request);
      response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const api = (credentials?: Parameters<typeof createAirflowApi>[0]['credentials']): AirflowApi => createAirflowApi({ baseUrl, credentials, metrics: createMetrics(), timeoutMs: 500 });
const create = () => api().createRun('a_dag', 'del_req_a~2', { user_id: 'u' });

describe('what Airflow says of a run that is asked for', () => {
  test.each<[string, Given, object]>([
    ['taken', { status: 200, body: { dag_run_id: 'del_req_a~2', state: 'queued' } }, { outcome: 'created' }],
    ['there already', { status: 409, body: { detail: { reason: 'Unique constraint violation' } } }, { outcome: 'exists' }],
    ['no such DAG', { status: 404, body: { detail: "Dag with dag_id: 'a_dag' not found" } }, { outcome: 'dag-missing', text: "Dag with dag_id: 'a_dag' not found" }],
    ['a DAG that cannot be loaded', { status: 400, body: { detail: "Dag with dag_id: 'a_dag' has import errors and cannot be triggered" } }, { outcome: 'dag-missing' }],
    ['a conf that the DAG refuses', { status: 400, body: { detail: 'Invalid input for param x' } }, { outcome: 'refused', text: 'Invalid input for param x' }],
    ['a body that it cannot read', { status: 422, body: { detail: [{ loc: ['body'], msg: 'no' }] } }, { outcome: 'refused', text: '[{"loc":["body"],"msg":"no"}]' }],
  ])('%s', async (_, given, expected) => {
    answers = () => given;
    expect(await create()).toMatchObject(expected);
    expect(asked).toMatchObject([{ method: 'POST', path: '/api/v2/dags/a_dag/dagRuns', body: { dag_run_id: 'del_req_a~2', logical_date: null, conf: { user_id: 'u' } } }]);
  });

  test.each<[string, Given]>([
    ['overloaded', { status: 429, body: { detail: 'slow down' } }],
    ['out', { status: 503, body: 'no upstream' }],
    ['closed to us', { status: 403, body: { detail: 'Forbidden' } }],
    ['not at this address', { status: 404, body: { detail: 'Not Found' } }],
    ['behind a proxy that has no such page', { status: 404, body: '<html>' }],
    ['behind a proxy that refuses the request', { status: 400, body: '<html>' }],
    ['behind a login page', { status: 200, body: '<html>Sign in</html>' }],
    ['somewhere else', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }],
  ])('is no answer when it is %s', async (_, given) => {
    answers = () => given;
    await expect(create()).rejects.toThrow(AirflowUnavailable);
  });

  test('is asked again when it says that it may be', async () => {
    answers = () => ({ status: 429, headers: { 'retry-after': '7' }, body: { detail: 'slow down' } });
    await expect(create()).rejects.toMatchObject({ retryAfterMs: 7_000 });
    answers = () => ({ status: 503 });
    await expect(create()).rejects.toMatchObject({ retryAfterMs: undefined });
  });

  test('is never told with what the conf held', async () => {
    answers = () => ({ status: 500, body: { detail: 'failed for user_888' } });
    const error = await api().createRun('d', 'r', { user_id: 'user_888' }).catch((thrown: unknown) => thrown as Error);
    expect(String((error as Error).stack)).not.toContain('user_888');
  });
});

describe('tokens', () => {
  const login = { username: 'admin', password: 'secret' };
  let issued: number;
  beforeEach(() => {
    issued = 0;
    answers = (path, request) => {
      if (path === '/auth/token') return { status: 201, body: { access_token: `token-${++issued}` } };
      return request.headers.authorization === `Bearer token-${issued}` ? { status: 200, body: { state: 'running', conf: {} } } : { status: 403, body: { detail: 'Invalid JWT token' } };
    };
  });

  test('are fetched once for many requests', async () => {
    const airflow = api(login);
    await Promise.all(Array.from({ length: 5 }, () => airflow.getRun('d', 'r')));
    expect(issued).toBe(1);
    expect(asked[0]).toMatchObject({ path: '/auth/token', body: login });
  });

  test('are fetched anew when they are worth nothing any more', async () => {
    const airflow = api(login);
    await airflow.getRun('d', 'r');
    issued = 7;
    expect(await airflow.getRun('d', 'r')).toEqual({ state: 'running', conf: {} });
    expect(issued).toBe(8);
  });

  test('are asked for again after Airflow could not give one', async () => {
    const working = answers;
    answers = () => ({ status: 502, body: '' });
    const airflow = api(login);
    await expect(airflow.getRun('d', 'r')).rejects.toThrow(/AIRFLOW_PASSWORD/);
    answers = working;
    expect(await airflow.getRun('d', 'r')).toBeDefined();
  });

  test('that were given are sent as they are, and not without end', async () => {
    answers = () => ({ status: 401, body: { detail: 'no' } });
    await expect(api({ token: 'mine' }).getRun('d', 'r')).rejects.toThrow(/AIRFLOW_TOKEN/);
    expect(asked.map(({ authorization }) => authorization)).toEqual(['Bearer mine']);
  });
});

test('ids are written into paths so that they stay one part of them', async () => {
  answers = () => ({ status: 404, body: { detail: 'not found' } });
  expect(await api().getRun('a dag', 'del_req_a:b~1')).toBeUndefined();
  expect(await api().xcom('d', 'r', 'erase', 'return_value')).toBeUndefined();
  expect(asked.map(({ path }) => path)).toEqual(['/api/v2/dags/a%20dag/dagRuns/del_req_a%3Ab~1', '/api/v2/dags/d/dagRuns/r/taskInstances/erase/xcomEntries/return_value']);
});
