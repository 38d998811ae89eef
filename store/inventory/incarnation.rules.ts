import type { Service } from './locked-tenant.js';

/** What a deletion was asked for: which incarnation the inventory knew at receipt (0: none), and when it was asked. */
export interface AskedFor {
  readonly generation: number;
  readonly requestedAt: Date;
}

/**
 * Whether the instance that is there now is the one that was asked to be deleted, and not one provisioned anew under the
 * same id. An instance that the inventory first heard of after the request is the same when it was provisioned before it.
 * The same rule in SQL: revokeAttemptsOnInstance.
 */
export function isIncarnationAskedFor(asked: AskedFor, service: Pick<Service, 'generation' | 'provisionedAt'> | undefined): boolean {
  if (!service || service.generation === asked.generation) return true;
  return asked.generation === 0 && service.generation === 1 && service.provisionedAt <= asked.requestedAt;
}
