import type { ServiceStatus, TenantStatus } from '../../contracts/names/index.js';
import type { Transaction } from '../database.js';
import { LIVE } from '../ledger/rows.js';

/** A tenant, as the inventory knows it. */
export interface Tenant {
  readonly tenantId: string;
  /** UNKNOWN: named by a request, but never provisioned with a service. */
  readonly status: TenantStatus;
  readonly emptyings: number;
  /** Completed deletions since the tenant last became active. */
  readonly gdprDeletions: number;
  readonly otherDeletions: number;
  readonly lastTraceId: string | null;
  /** The place in a trace that its latest completed deletion was at. */
  readonly lastTraceparent: string | null;
  readonly lastTracestate: string | null;
  readonly emptiedAt: Date | null;
  readonly erasedAt: Date | null;
}

/** One service instance of a tenant. */
export interface Service {
  readonly tenantId: string;
  readonly serviceInstanceId: string;
  readonly serviceType: string;
  readonly dependsOn: readonly string[];
  readonly status: ServiceStatus;
  /** Which incarnation of this instance id it is. */
  readonly generation: number;
  /** By the producer's clock. */
  readonly provisionedAt: Date;
  readonly eventAt: Date;
}

/** An active service, and what its own deletion is doing. */
export interface ActiveService extends Service {
  /**
   * live: it is being deleted. blocked: its deletion is parked, only because something depends on it. parked: its deletion failed
   * and waits for someone. none: nobody asked to delete it.
   */
  readonly deletion: 'none' | 'live' | 'blocked' | 'parked';
}

/** A tenant under its row lock: nothing of it changes until the transaction ends. */
export interface LockedTenant {
  readonly row: Tenant;
  readonly tx: Transaction;
  change(patch: Partial<Omit<Tenant, 'tenantId'>>): void;
  activeServices(): Promise<ActiveService[]>;
  hasActiveServices(): Promise<boolean>;
  service(instanceId: string): Promise<Service | undefined>;
  /** How many deletions of its services are under way, dry runs and parked ones left out, and the one that asks. */
  deletionsUnderWay(except?: string): Promise<number>;
  /** Marks the incarnation as erased; another incarnation stays as it is. */
  markErased(instanceId: string, generation: number, requestId: string): void;
}

/** Locks a tenant's row for the rest of the transaction; a tenant never heard of gets a row of status UNKNOWN. */
export async function lockTenant(tx: Transaction, tenantId: string): Promise<LockedTenant> {
  const lock = async () => (await tx.rows<Tenant>('SELECT * FROM tenants WHERE tenant_id = $1 FOR UPDATE', [tenantId]))[0];
  const row = (await lock()) ?? (await enterTenant(tx, tenantId, lock));
  return open(tx, row);
}

/** Locks the tenant of a deletion, which need not be known yet; undefined when it has none, or one that was never heard of. */
export async function lockTenantOf(tx: Transaction, requestId: string): Promise<LockedTenant | undefined> {
  const [row] = await tx.rows<Tenant>('SELECT * FROM tenants WHERE tenant_id = (SELECT tenant_id FROM deletions WHERE request_id = $1) FOR UPDATE', [requestId]);
  return row && open(tx, row);
}

async function enterTenant(tx: Transaction, tenantId: string, lock: () => Promise<Tenant | undefined>): Promise<Tenant> {
  tx.write('INSERT INTO tenants (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING', [tenantId]);
  const row = await lock();
  if (!row) throw new Error('a tenant row vanished under its lock');
  return row;
}

function open(tx: Transaction, locked: Tenant): LockedTenant {
  const { tenantId } = locked;
  let current = locked;
  return {
    tx,
    get row() {
      return current;
    },
    change: (patch) => {
      current = { ...current, ...patch };
      tx.write(
        `UPDATE tenants SET status = $2, emptyings = $3, gdpr_deletions = $4, other_deletions = $5, last_trace_id = $6,
           emptied_at = $7, erased_at = $8, last_traceparent = $9, last_tracestate = $10, updated_at = now() WHERE tenant_id = $1`,
        [
          tenantId,
          current.status,
          current.emptyings,
          current.gdprDeletions,
          current.otherDeletions,
          current.lastTraceId,
          current.emptiedAt,
          current.erasedAt,
          current.lastTraceparent,
          current.lastTracestate,
        ],
      );
    },
    activeServices: () =>
      tx.rows<ActiveService>(
        `SELECT s.*, coalesce((
           SELECT CASE WHEN bool_or(d.status IN ('PENDING', 'ON_HOLD', 'SENT_TO_AIRFLOW')) THEN 'live'
                       WHEN bool_and(d.failure_code = 'DEPENDENCY_BLOCKED') THEN 'blocked' ELSE 'parked' END
           FROM deletions d
           WHERE d.tenant_id = s.tenant_id AND d.service_instance_id = s.service_instance_id AND NOT d.dry_run
             AND d.status IN ${LIVE}
           HAVING count(*) > 0), 'none') AS deletion
         FROM services s WHERE s.tenant_id = $1 AND s.status = 'ACTIVE' ORDER BY s.service_instance_id`,
        [tenantId],
      ),
    hasActiveServices: async () => {
      const [row] = await tx.rows<{ any: boolean }>(`SELECT EXISTS (SELECT FROM services WHERE tenant_id = $1 AND status = 'ACTIVE') AS any`, [tenantId]);
      return row?.any ?? false;
    },
    service: async (instanceId) => {
      const [service] = await tx.rows<Service>('SELECT * FROM services WHERE tenant_id = $1 AND service_instance_id = $2', [
        tenantId,
        instanceId,
      ]);
      return service;
    },
    deletionsUnderWay: async (except = '') => {
      const [row] = await tx.rows<{ count: number }>(
        `SELECT count(*)::int AS count FROM deletions WHERE tenant_id = $1 AND kind = 'service' AND NOT dry_run
           AND status IN ('PENDING', 'SENT_TO_AIRFLOW') AND request_id <> $2`,
        [tenantId, except],
      );
      return row?.count ?? 0;
    },
    markErased: (instanceId, generation, requestId) => {
      tx.write(
        `UPDATE services SET status = 'ERASED', gone_at = now(), gone_by = $4, updated_at = now()
         WHERE tenant_id = $1 AND service_instance_id = $2 AND generation = $3 AND status <> 'ERASED'`,
        [tenantId, instanceId, generation, requestId],
      );
    },
  };
}
