/** What the bench asks of Airflow, simulated or real, and of the simulator's knobs. */
export interface AirflowWatch {
  /** Runs of a DAG in a state. */
  runs(dagId: string, state: 'queued' | 'running'): Promise<number>;
  /** The simulator's own: how long erasures take, by service type. */
  setDurations(durationsMs: Readonly<Record<string, number>>): Promise<void>;
}

/** Logs in to the Airflow of the environment. @throws Error when it does not let the bench in */
export async function openAirflowWatch(env: Readonly<Record<string, string>>): Promise<AirflowWatch> {
  const url = env['AIRFLOW_API_URL'] ?? '';
  const login = await fetch(`${url}/auth/token`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: env['AIRFLOW_USERNAME'], password: env['AIRFLOW_PASSWORD'] }),
  });
  if (!login.ok) throw new Error(`Airflow gave no token: HTTP ${login.status}`);
  const { access_token: token } = (await login.json()) as { access_token: string };
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(body && { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`Airflow answered ${method} ${path} with HTTP ${response.status}`);
    return response.json();
  };
  return {
    runs: async (dagId, state) => ((await call('GET', `/api/v2/dags/${dagId}/dagRuns?state=${state}&limit=1000`)) as { dag_runs: readonly unknown[] }).dag_runs.length,
    setDurations: async (durations) => {
      await call('POST', '/simulator/knobs', { durations });
    },
  };
}
