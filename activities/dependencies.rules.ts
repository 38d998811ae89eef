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
 * The dependency check (seed: tenant-service-deletion, section 4A). Services that depend on each other in a circle, and are
 * all to be deleted, do not wait for one another: they go when nothing outside depends on any of them.
 * @param instanceId the service to erase
 * @param active the active services of its tenant
 */
export function checkDependants(instanceId: string, active: readonly Node[]): DependencyVerdict {
  const circle = circleOf(instanceId, active);
  const dependants = active.filter((service) => !circle.has(service.serviceInstanceId) && service.dependsOn.some((id) => circle.has(id)));
  const blocking = dependants.filter((service) => service.deletion !== 'live');
  if (blocking.length > 0) return { verdict: 'blocked', dependants: names(blocking) };
  return dependants.length > 0 ? { verdict: 'wait', dependants: names(dependants) } : { verdict: 'clear' };
}

/** The service, and those to be deleted that it depends on and that depend on it: what holds one of them back holds all. */
function circleOf(instanceId: string, active: readonly Node[]): Set<string> {
  const members = [...reachableFrom(instanceId, active)].filter((id) => reachableFrom(id, active).has(instanceId));
  return new Set([instanceId, ...members]);
}

/**
 * Everything that the service depends on, directly or through others that are to be deleted as well. One that is parked only
 * because something depends on it counts: in a circle that may be the service itself.
 */
function reachableFrom(instanceId: string, active: readonly Node[]): Set<string> {
  const byId = new Map(active.map((service) => [service.serviceInstanceId, service]));
  const reached = new Set<string>();
  const pending = [...(byId.get(instanceId)?.dependsOn ?? [])];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const service = byId.get(next);
    if (!service || reached.has(next) || (service.deletion !== 'live' && service.deletion !== 'blocked')) continue;
    reached.add(next);
    pending.push(...service.dependsOn);
  }
  return reached;
}

const names = (services: readonly Node[]): string[] => services.map((service) => service.serviceInstanceId).sort();
