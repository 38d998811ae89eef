import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { startStack } from '../../stack/start.js';

/** The Airflow simulator, answering without erasing unless told otherwise, and its knobs. */
export interface Simulator {
  /** AIRFLOW_API_URL and its credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** Turns a knob: `knobs`, `fail`, `silent`, `http`, `dags/<id>`, `reset`, `expire-tokens`. */
  turn(knob: string, body?: object): Promise<void>;
  /** How many HTTP faults still wait for their requests. */
  faultsLeft(): Promise<number>;
  stats(): Promise<{ readonly posts: number; readonly accepted: number; readonly conflicts: number }>;
  stop(): Promise<void>;
}

/** Starts a simulator on the stack's Kafka. */
export async function startSimulator(args: readonly string[] = ['--answer-only']): Promise<Simulator> {
  const dir = await mkdtemp(join(tmpdir(), 'expunge-simulator-'));
  const others = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AIRFLOW|ERASER)/.test(name)));
  const stack = await startStack({ environment: { ...others, ...inject('stack'), AIRFLOW_API_URL: undefined }, parts: ['kafka', 'airflow'], airflow: 'simulated', dir, durability: 'throwaway', simulatorArgs: args });
  const url = stack.env['AIRFLOW_API_URL'] ?? '';
  const { AIRFLOW_USERNAME: username = '', AIRFLOW_PASSWORD: password = '' } = stack.env;
  const login = await fetch(`${url}/auth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
  let { access_token: token } = (await login.json()) as { access_token: string };
  const call = async (path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url}/simulator/${path}`, { ...(body && { method: 'POST', body: JSON.stringify(body) }), headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } });
    if (!response.ok) throw new Error(`The simulator answered ${path} with HTTP ${response.status}: ${await response.text()}`);
    return response.json();
  };
  return {
    env: { AIRFLOW_API_URL: url, AIRFLOW_USERNAME: username, AIRFLOW_PASSWORD: password },
    turn: async (knob, body = {}) => {
      await call(knob, body);
      if (knob !== 'expire-tokens') return;
      const again = await fetch(`${url}/auth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
      token = ((await again.json()) as { access_token: string }).access_token;
    },
    faultsLeft: async () => ((await call('knobs')) as { http: unknown[] }).http.length,
    stats: async () => (await call('stats')) as { posts: number; accepted: number; conflicts: number },
    stop: async () => {
      await stack.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
