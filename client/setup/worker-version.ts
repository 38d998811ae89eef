import { Connection } from '@temporalio/client';
import type { TemporalConfig, WorkerVersion } from '../../platform/config.js';
import { grpcErrorOf } from '../../platform/grpc-error.js';
import type { Log } from '../../platform/log.js';
import { oncePossible } from './steps.js';
import { refusal } from './temporal.js';

export interface WorkerRelease {
  readonly temporal: TemporalConfig;
  readonly version: WorkerVersion;
  /** How long the version's workers may take to poll all queues that the current one's poll. */
  readonly waitMs: number;
  readonly log: Log;
}

/** gRPC's FAILED_PRECONDITION and INVALID_ARGUMENT: no worker of the version polls yet, or not on every queue. */
const NOT_YET = new Set([3, 9]);

/**
 * Makes a version of the workers current: new deletions, and those that run, go on with its workers.
 * @returns the build id that was current before; undefined when none was
 * @throws ClientFault
 */
export async function makeCurrent({ temporal, version, waitMs, log }: WorkerRelease): Promise<{ readonly before: string | undefined }> {
  const { namespace, connection: options } = temporal;
  const wait = {
    what: `Temporal at ${options.address ?? 'localhost:7233'} with workers of ${version.deploymentName} ${version.buildId}`, waitMs, log,
    refusal: (error: unknown) => (isNotYet(error) ? undefined : refusal(error)),
  };
  const connection = await oncePossible(() => Connection.connect({ ...options, connectTimeout: Math.min(waitMs, 5_000) }), wait);
  try {
    const { previousDeploymentVersion } = await oncePossible(
      () => connection.workflowService.setWorkerDeploymentCurrentVersion({ namespace, deploymentName: version.deploymentName, buildId: version.buildId, identity: 'expunge make-current' }),
      wait,
    );
    return { before: previousDeploymentVersion?.buildId || undefined };
  } finally {
    await connection.close();
  }
}

function isNotYet(error: unknown): boolean {
  const code = grpcErrorOf(error)?.code;
  return code !== undefined && NOT_YET.has(code);
}
