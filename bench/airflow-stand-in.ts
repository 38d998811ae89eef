import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Producer } from '../bus/producer.js';
import { TOPICS } from '../contracts/names/index.js';

/** What of Airflow's REST API the trigger bridge speaks to, with runs that take no time. */
export interface AirflowStandIn {
  /** For AIRFLOW_API_URL. */
  readonly url: string;
  /** How often each run was asked for, by run id. */
  readonly posts: ReadonlyMap<string, number>;
  /** How runs end from now on; a success at once when it was never told. */
  runsEnd(how: RunEnd): void;
  forget(): void;
  close(): Promise<void>;
}

/** At once, with the result on Kafka, or not at all. */
export type RunEnd = 'success' | 'failure' | 'never';

interface Run {
  readonly conf: unknown;
  readonly state: 'success' | 'failed' | 'running';
}

const STATES = { success: 'success', failure: 'failed', never: 'running' } as const;

const RUNS = /^\/api\/v2\/dags\/([^/]+)\/dagRuns$/;
const RUN = /^\/api\/v2\/dags\/([^/]+)\/dagRuns\/([^/]+)$/;

/** Listens on a free port of loopback. A run is a success as soon as it is accepted, and its result goes to airflow.pipeline.result. */
export async function startAirflowStandIn(producer: Producer): Promise<AirflowStandIn> {
  const runs = new Map<string, Run>();
  const posts = new Map<string, number>();
  let end: RunEnd = 'success';

  const publish = async (runId: string, failed: boolean): Promise<void> => {
    const outcome = failed ? { status: 'FAILURE', metadata: {}, error: 'the bench wanted it to fail' } : { status: 'SUCCESS', metadata: { rows_deleted: 1 }, error: null };
    const value = { jobId: runId, airflowRunId: runId, timestamp: new Date().toISOString(), ...outcome };
    const [sent] = await producer.send([{ topic: TOPICS.airflowResult, key: runId, value: JSON.stringify(value), headers: { event_type: 'airflow.result', event_id: `${runId}/result` } }]);
    if (sent?.ok === false) throw sent.error;
  };

  const create = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { dag_run_id: runId, conf } = JSON.parse(await bodyOf(request)) as { dag_run_id: string; conf: unknown };
    posts.set(runId, (posts.get(runId) ?? 0) + 1);
    if (runs.has(runId)) {
      answer(response, 409, { detail: 'A run of this id is there already' });
      return;
    }
    runs.set(runId, { conf, state: STATES[end] });
    answer(response, 200, { dag_run_id: runId, state: 'queued', conf });
    if (end !== 'never') await publish(runId, end === 'failure');
  };

  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const [, , runId] = RUN.exec(path) ?? [];
    const run = runId === undefined ? undefined : runs.get(decodeURIComponent(runId));
    if (request.method === 'POST' && RUNS.test(path)) {
      create(request, response).catch((error: unknown) => {
        process.stderr.write(`The stand-in for Airflow could not take or answer a run: ${String(error)}\n`);
        if (!response.headersSent) answer(response, 500, { detail: 'failed' });
      });
    } else if (request.method === 'GET' && run) answer(response, 200, { dag_run_id: runId, ...run });
    else answer(response, 404, { detail: 'The run was not found' });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    runsEnd: (how) => {
      end = how;
    },
    forget: () => {
      runs.clear();
      posts.clear();
    },
    close: () => new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
