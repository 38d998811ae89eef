/** The requestId of a service deletion: `<traceId>_<serviceInstanceId>` (seed: tenant-service-deletion, section 3). */
export const serviceRequestId = (traceId: string, serviceInstanceId: string): string => `${traceId}_${serviceInstanceId}`;

/** The requestId of a tenant's clean-up; `turn` counts the clean-ups asked for in one emptying, behind a dot: `~` would make its first job the second of another. */
export const tenantRequestId = (tenantId: string, emptying: number, turn = 1): string =>
  turn === 1 ? `tenant~${tenantId}~${emptying}` : `tenant~${tenantId}~${emptying}.${turn}`;

/** The requestId of the n-th deletion that follows because something was left after the one before; named after the first of them. */
export const againRequestId = (requestId: string, n: number): string => `${firstRequestId(requestId)}~again~${n}`;

/** How many deletions a request has led to so far: the n in its id. */
export const againsSoFar = (requestId: string): number => Number(/~again~(\d+)$/.exec(requestId)?.[1] ?? 0);

const firstRequestId = (requestId: string): string => requestId.replace(/~again~\d+$/, '');

/** The jobId of an attempt, which is also the Airflow run id. */
export const jobIdFor = (requestId: string, attempt: number): string =>
  attempt === 1 ? `del_req_${requestId}` : `del_req_${requestId}~${attempt}`;

/** The id of an outgoing event: derived, so that a repeat is recognisable. */
export const eventIdFor = (requestId: string, what: string, n: number): string => `${requestId}/${what}/${n}`;
