/** Why a deletion is FAILED or TIMEOUT, or an attempt failed. Stable: operators and alerts match on them. */
export const FAILURE_CODES = [
  /** Active services depend on the one to delete; goes through by itself when the last has gone. */
  'DEPENDENCY_BLOCKED',
  /** The DAG ran and reported FAILURE. */
  'DAG_FAILED',
  /** No eraser is configured for this service type, or for users or tenants. */
  'NO_ERASER',
  /** Airflow knows no such DAG, beyond the grace period. */
  'DAG_NOT_FOUND',
  /** Airflow refused the run's conf. */
  'CONF_REFUSED',
  /** A run with this id exists already with another dag or conf. */
  'RUN_MISMATCH',
  /** No result within the policy's resultTimeout. */
  'RESULT_TIMEOUT',
  /** The run ended in Airflow without erasing and without a result of its own. */
  'RUN_ENDED_WITHOUT_RESULT',
  /** The instance was deprovisioned and provisioned anew after the request; a retry erases the new one. */
  'PROVISIONED_ANEW',
  /** The workflow was terminated from outside. */
  'WORKFLOW_TERMINATED',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/** The codes that a result on airflow.pipeline.result may carry in its optional `errorCode`; any other is DAG_FAILED. */
export const RESULT_ERROR_CODES = [
  'DAG_FAILED',
  'NO_ERASER',
  'DAG_NOT_FOUND',
  'CONF_REFUSED',
  'RUN_MISMATCH',
  'RUN_ENDED_WITHOUT_RESULT',
] as const satisfies readonly FailureCode[];
export type ResultErrorCode = (typeof RESULT_ERROR_CODES)[number];
