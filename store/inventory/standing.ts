import type { Queryable } from '../database.js';
import { SERVICE_FEED } from './feed.js';
import type { Service } from './locked-tenant.js';

/** How the service of a deletion stands among its tenant's services. */
export interface ServiceStanding {
  readonly instanceId: string;
  /** undefined when the inventory has never heard of it. */
  readonly service: Service | undefined;
  /** Other services of the tenant are active. */
  readonly hasOthers: boolean;
  /** Active services of the tenant depend on it. */
  readonly hasDependants: boolean;
  /** How old the inventory may be, in ms, by the database's clock; undefined when the feed was never caught up with. */
  readonly feedAgeMs: number | undefined;
}

type StandingRow = { [Column in keyof Service]: Service[Column] | null } & { instanceId: string; hasOthers: boolean; hasDependants: boolean; feedAgeMs: number | null };

/**
 * Reads how a deletion's service stands. It can be sent before the deletion is known, right behind the tenant's lock.
 * @returns undefined for the deletion of something else
 */
export async function readStanding(queryable: Queryable, requestId: string): Promise<ServiceStanding | undefined> {
  const [row] = await queryable.rows<StandingRow>(
    `SELECT s.*, d.service_instance_id AS instance_id,
       EXISTS (SELECT FROM services o WHERE o.tenant_id = d.tenant_id AND o.status = 'ACTIVE'
               AND o.service_instance_id <> d.service_instance_id) AS has_others,
       EXISTS (SELECT FROM services o WHERE o.tenant_id = d.tenant_id AND o.status = 'ACTIVE'
               AND o.depends_on <> '{}' AND o.depends_on @> ARRAY[d.service_instance_id]) AS has_dependants,
       (SELECT extract(epoch FROM clock_timestamp() - caught_up_at)::float8 * 1000 FROM inventory_feed WHERE source = $2) AS feed_age_ms
     FROM deletions d LEFT JOIN services s USING (tenant_id, service_instance_id)
     WHERE d.request_id = $1 AND d.kind = 'service'`,
    [requestId, SERVICE_FEED],
  );
  if (!row) return undefined;
  const { instanceId, hasOthers, hasDependants, feedAgeMs, ...service } = row;
  return { instanceId, service: service.status === null ? undefined : (service as Service), hasOthers, hasDependants, feedAgeMs: feedAgeMs ?? undefined };
}
