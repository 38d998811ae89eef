import type { ActiveService } from '../store/inventory/locked-tenant.js';

type Node = Pick<ActiveService, 'serviceInstanceId' | 'dependsOn' | 'deletion'>;

/** Whether a service may be erased, given what else of its tenant is active. */
export type DependencyVerdict =
  | { readonly verdict: 'clear' }
  /** Everything that depends on it is being deleted itself: it goes after them. */
  | { readonly verdict: 'wait'; readonly dependants: readonly string[] }
  /** Something that nobody deletes depends on it. */
  | { readonly verdict: 'blocked'; readonly dependants: readonly string[] };

/**
 * The dependency check (seed: tenant-service-deletion, section 4A). Services that depend on each other in a circle and are
 * all being deleted do not wait for one another.
 * @param instanceId the service to erase
 * @param active the active services of its tenant
 */
export function checkDependants(instanceId: string, active: readonly Node[]): DependencyVerdict {
  const dependants = active.filter((service) => service.serviceInstanceId !== instanceId && service.dependsOn.includes(instanceId));
  const blocking = dependants.filter((service) => service.deletion !== 'live');
  if (blocking.length > 0) return { verdict: 'blocked', dependants: names(blocking) };
  const below = reachableFrom(instanceId, active);
  const waitingFor = dependants.filter((service) => !below.has(service.serviceInstanceId));
  return waitingFor.length > 0 ? { verdict: 'wait', dependants: names(waitingFor) } : { verdict: 'clear' };
}

/** Everything that the service depends on, directly or through others that are being deleted as well. */
function reachableFrom(instanceId: string, active: readonly Node[]): Set<string> {
  const byId = new Map(active.map((service) => [service.serviceInstanceId, service]));
  const reached = new Set<string>();
  const pending = [...(byId.get(instanceId)?.dependsOn ?? [])];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const service = byId.get(next);
    if (reached.has(next) || service?.deletion !== 'live') continue;
    reached.add(next);
    pending.push(...service.dependsOn);
  }
  return reached;
}

const names = (services: readonly Node[]): string[] => services.map((service) => service.serviceInstanceId).sort();
