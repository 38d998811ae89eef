/** What compares the ledger with Temporal, from time to time: a schedule, and the workflow that it starts. */
export const RECONCILER = { scheduleId: 'expunge-reconcile', workflowType: 'reconcile', workflowId: 'reconcile' } as const;

/** How a pass of the reconciler is asked to be. Everything is optional: it can be started from a command line. */
export interface ReconcileInput {
  /** The ledger was restored to an earlier moment: every workflow that runs is to ask it anew where its deletion is. */
  readonly reclaim?: boolean;
}

/** How a row was mended: its workflow started, the running one told of it, another run put in the place of a lost one, or a run asked to look at the ledger. */
export const MENDS = ['start', 'join', 'take-over', 'reclaim'] as const;
export type MendName = (typeof MENDS)[number];

/** What a pass has done. Holds no user id. */
export interface ReconcileReport {
  /** Live rows that were compared with Temporal. */
  readonly looked: number;
  readonly mended: Readonly<Record<MendName, number>>;
  /** The requests that were mended, the first of them. */
  readonly requestIds: readonly string[];
  /** Rows that could not be mended for what they are; the worker's log says why. */
  readonly failed: number;
}
