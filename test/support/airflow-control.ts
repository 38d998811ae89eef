/** A DAG run, as Airflow tells of it. */
export interface DagRunSeen {
  readonly dag_id: string;
  readonly dag_run_id: string;
  readonly state: 'queued' | 'running' | 'success' | 'failed';
  readonly conf: Readonly<Record<string, unknown>>;
}

/** Numbers of the simulator (airflow/README.md). */
export interface SimulatorStats {
  readonly posts: number;
  readonly accepted: number;
  readonly conflicts: number;
  readonly refused: number;
  readonly skipped: number;
  readonly dags: Readonly<Record<string, { readonly active: number; readonly queued: number; readonly most_active: number }>>;
}

/** The simulated Airflow of the stack: its runs, by Airflow's own paths, and its knobs. */
export interface AirflowControl {
  /** Turns a knob: `knobs`, `fail`, `silent`, `http`, `dags/<id>`, `reset` (airflow/README.md). */
  turn(knob: string, body?: object): Promise<void>;
  /** The counted HTTP faults that still wait for their requests. */
  faultsLeft(): Promise<number>;
  stats(): Promise<SimulatorStats>;
  /** A paused DAG takes runs, and starts none. */
  pause(dagId: string, paused: boolean): Promise<void>;
  run(dagId: string, runId: string): Promise<DagRunSeen | undefined>;
  /** All runs of all DAGs. */
  runs(): Promise<DagRunSeen[]>;
  taskState(dagId: string, runId: string, taskId: string): Promise<string | null>;
  task(dagId: string, runId: string, taskId: string): Promise<TaskSeen>;
}

/** A task of a run, as Airflow tells of it. */
export interface TaskSeen {
  readonly state: string | null;
  readonly start_date: string | null;
}

const PAGE = 1_000;

/** Logs in to the Airflow that the stack's environment names. */
export async function openAirflowControl(env: Readonly<Record<string, string>>): Promise<AirflowControl> {
  const url = env['AIRFLOW_API_URL'] ?? '';
  const login = await fetch(`${url}/auth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: env['AIRFLOW_USERNAME'], password: env['AIRFLOW_PASSWORD'] }),
  });
  const { access_token: token } = (await login.json()) as { access_token: string };
  const call = async <T>(method: string, path: string, body?: object): Promise<T | undefined> => {
    const response = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(body && { body: JSON.stringify(body) }) });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`The simulator answered ${method} ${path} with HTTP ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  const must = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const answer = await call<T>(method, path, body);
    if (answer === undefined) throw new Error(`The simulator has no ${path}`);
    return answer;
  };

  const task = (dagId: string, runId: string, taskId: string): Promise<TaskSeen> => must('GET', `/api/v2/dags/${dagId}/dagRuns/${encodeURIComponent(runId)}/taskInstances/${taskId}`);

  return {
    turn: async (knob, body = {}) => {
      await must('POST', `/simulator/${knob}`, body);
    },
    faultsLeft: async () => (await must<{ http: { times: number | null }[] }>('GET', '/simulator/knobs')).http.filter(({ times }) => times !== null).length,
    stats: () => must('GET', '/simulator/stats'),
    pause: async (dagId, paused) => {
      await must('PATCH', `/api/v2/dags/${dagId}`, { is_paused: paused });
    },
    run: (dagId, runId) => call('GET', `/api/v2/dags/${dagId}/dagRuns/${encodeURIComponent(runId)}`),
    runs: async () => {
      const found: DagRunSeen[] = [];
      for (;;) {
        const { dag_runs: page } = await must<{ dag_runs: DagRunSeen[] }>('GET', `/api/v2/dags/~/dagRuns?limit=${PAGE}&offset=${found.length}`);
        found.push(...page);
        if (page.length < PAGE) return found;
      }
    },
    taskState: async (dagId, runId, taskId) => (await task(dagId, runId, taskId)).state,
    task,
  };
}
