import type { DeletionInput } from './deletion-input.js';
import type { FailureCode } from './failure-codes.js';

/** Signal names of the deletion workflows; all of them carry a description in the Web UI. */
export const SIGNALS = {
  airflowResult: 'airflowResult',
  join: 'join',
  retry: 'retry',
  cancel: 'cancel',
  hold: 'hold',
  release: 'release',
  /** The tenant's services changed: look again at what was waited for. Also what starts a tenant workflow. */
  recheck: 'recheck',
  /** The ledger was changed under the workflow (restored, for instance): ask it anew where the deletion is. */
  reclaim: 'reclaim',
} as const;

/** Updates of the same effect as the signals of persons, and as that of a result, answered at once. */
export const UPDATES = {
  retry: 'retryNow',
  cancel: 'cancelNow',
  hold: 'holdNow',
  release: 'releaseNow',
  airflowResult: 'takeAirflowResult',
  /** Tenant workflow only: erase what is left of an empty tenant. */
  erase: 'eraseNow',
} as const;

export const QUERIES = { status: 'status' } as const;

/** What the signal and the update of a result carry: status and numbers; Airflow's error text stays in the ledger. */
export interface AirflowResultSignal {
  readonly requestId: string;
  readonly attempt: number;
  readonly status: 'SUCCESS' | 'FAILURE';
  /** Only with FAILURE. */
  readonly failureCode?: FailureCode;
}

/** What `join` carries: all that is needed to start the request as a deletion of its own, should the live one have ended. */
export interface JoinSignal {
  readonly input: DeletionInput;
}

/** What a person's signal or update carries. Everything is optional: `temporal workflow signal` works without input. */
export interface PersonAct {
  /** Who, by a name that is no personal data of the data subject; an operator's login. */
  readonly by?: string;
  readonly reason?: string;
  /** cancel only: the request to withdraw; the oldest when left out. */
  readonly requestId?: string;
}

/** The answer of a person's update. */
export interface ActAnswer {
  readonly requestId: string;
  readonly status: string;
  readonly message: string;
}

/** The answer of the `status` query. */
export interface WorkflowStatus {
  readonly requestId: string;
  readonly phase: string;
  readonly attempt: number;
  readonly parked: boolean;
  readonly onHold: boolean;
  readonly joined: readonly string[];
}
