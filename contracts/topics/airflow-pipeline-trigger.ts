import { z } from 'zod';
import { dagId, derivedId, flag, incomingId, personId } from './fields.js';
import { parseValue } from './parse-message.js';
import type { RawMessage } from './raw-message.js';

/**
 * What a DAG run is started with. `user_cleanup_dag`: user_id; `service_cleanup_dag`: tenant_id, target_service,
 * target_instance; `tenant_cleanup_dag`: tenant_id; dry_run for all. Further fields are kept and passed on.
 */
export const dagConf = z
  .looseObject({
    user_id: personId.optional(),
    tenant_id: incomingId.optional(),
    target_service: incomingId.optional(),
    target_instance: incomingId.optional(),
    dry_run: flag,
  }, { error: 'must be an object' })
  .refine((conf) => (conf.user_id === undefined) !== (conf.tenant_id === undefined), 'must name user_id or tenant_id, and not both')
  .refine((conf) => (conf.target_service === undefined) === (conf.target_instance === undefined), 'must name target_service and target_instance together');
export type DagConf = z.output<typeof dagConf>;

/** `airflow.pipeline.trigger` (seeds: user-deletion-service 3B, tenant-service-deletion 1B). */
export const airflowTrigger = z.object({
  traceId: incomingId,
  jobId: derivedId,
  payload: z.object({ dag_id: dagId, conf: dagConf }, { error: 'must be an object' }),
});
export type AirflowTrigger = z.output<typeof airflowTrigger>;

/** Partition key: the user or the tenant. */
export function partitionKeyOf(value: AirflowTrigger): string {
  const { user_id: userId, tenant_id: tenantId } = value.payload.conf;
  const key = userId ?? tenantId;
  if (key === undefined) throw new TypeError('A trigger names a user or a tenant; this one was not made by its schema.');
  return key;
}

/** @throws MessageFault */
export const parseAirflowTrigger = (message: RawMessage): AirflowTrigger => parseValue(airflowTrigger, message);
