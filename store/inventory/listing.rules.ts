import type { Service } from './locked-tenant.js';
import type { ServiceEvent } from './service-events.js';

/** One active service, as the authority over the inventory lists it. */
export interface ListedService {
  readonly serviceInstanceId: string;
  readonly serviceType: string;
  readonly dependsOn: readonly string[];
  /** When this incarnation was provisioned, by the authority's clock: what tells a new one from one that was erased. */
  readonly provisionedAt: Date;
}

type Change = Omit<ServiceEvent, 'eventId'>;

/**
 * What has changed between what is known of a tenant and what the authority lists, as the events that would have told it.
 * A service that was erased, and that a slow authority still lists, stays erased; one that was provisioned later is another
 * incarnation, even when nobody told that the former had gone.
 */
export function changesToListing(tenantId: string, listed: readonly ListedService[], known: readonly Service[]): Change[] {
  const byId = new Map(known.map((service) => [service.serviceInstanceId, service]));
  const stillThere = new Set(listed.map(({ serviceInstanceId }) => serviceInstanceId));
  const gone = known.filter(({ status, serviceInstanceId }) => status === 'ACTIVE' && !stillThere.has(serviceInstanceId));
  return [
    ...listed.flatMap((service) => changesOf(tenantId, service, byId.get(service.serviceInstanceId))),
    ...gone.map((service) => deprovisioned(service)),
  ];
}

function changesOf(tenantId: string, listed: ListedService, known: Service | undefined): Change[] {
  const { provisionedAt, ...service } = listed;
  const provisioned: Change = { eventType: 'service.provisioned', tenantId, ...service, timestamp: provisionedAt };
  if (!known) return [provisioned];
  const isLater = provisionedAt > known.provisionedAt;
  if (known.status === 'ACTIVE') {
    if (isLater) return [deprovisioned(known), provisioned];
    return isSame(listed, known) ? [] : [{ ...provisioned, timestamp: known.eventAt }];
  }
  return isLater ? [provisioned] : [];
}

const deprovisioned = ({ tenantId, serviceInstanceId, serviceType, dependsOn, eventAt }: Service): Change => ({
  eventType: 'service.deprovisioned',
  tenantId,
  serviceInstanceId,
  serviceType,
  dependsOn,
  timestamp: eventAt,
});

const isSame = (listed: ListedService, known: Service): boolean =>
  listed.serviceType === known.serviceType && [...listed.dependsOn].sort().join() === [...known.dependsOn].sort().join();
