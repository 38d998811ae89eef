import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkDependants } from '../../../activities/dependencies.rules.js';
import type { ActiveService } from '../../../store/inventory/locked-tenant.js';

type Node = Pick<ActiveService, 'serviceInstanceId' | 'dependsOn' | 'deletion'>;

const node = (serviceInstanceId: string, dependsOn: readonly string[], deletion: Node['deletion'] = 'live'): Node => ({ serviceInstanceId, dependsOn, deletion });

const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
/** Any graph, with circles, services that depend on themselves, and on some that are not there. */
const graph = (deletions: readonly Node['deletion'][]) =>
  fc.uniqueArray(fc.record({ serviceInstanceId: fc.constantFrom(...IDS), dependsOn: fc.uniqueArray(fc.constantFrom(...IDS, 'gone'), { maxLength: 4 }), deletion: fc.constantFrom(...deletions) }), {
    selector: ({ serviceInstanceId }) => serviceInstanceId,
    maxLength: IDS.length,
  });

const dependantsOf = (id: string, services: readonly Node[]): Node[] => services.filter((one) => one.serviceInstanceId !== id && one.dependsOn.includes(id));

/** Everything that the services lead to by what they depend on, themselves included. */
function leadsTo(from: readonly Node[], services: readonly Node[]): Set<string> {
  const reached = new Set<string>();
  const pending = from.map(({ serviceInstanceId }) => serviceInstanceId);
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const service = services.find(({ serviceInstanceId }) => serviceInstanceId === id);
    if (!service || reached.has(id)) continue;
    reached.add(id);
    pending.push(...service.dependsOn);
  }
  return reached;
}

/** Deletes what is live and clear, one after another as `pick` says, until nothing is. @returns what is left */
function deleteAll(services: readonly Node[], pick: (count: number) => number): readonly Node[] {
  let left = services;
  for (;;) {
    const clear = left.filter((one) => one.deletion === 'live' && checkDependants(one.serviceInstanceId, left).verdict === 'clear');
    const next = clear[pick(clear.length)];
    if (!next) return left;
    left = left.filter((one) => one !== next);
  }
}
const picks = fc.infiniteStream(fc.nat()).map((stream) => (count: number) => (stream.next().value ?? 0) % Math.max(count, 1));

describe('the dependency check', () => {
  test.each<[string, readonly Node[], ReturnType<typeof checkDependants>]>([
    ['is clear for a service that nothing depends on', [node('db', []), node('app', ['cache'])], { verdict: 'clear' }],
    ['is clear for one that the inventory does not have', [node('app', [])], { verdict: 'clear' }],
    ['blocks while an active service depends on it', [node('db', []), node('app', ['db'], 'none')], { verdict: 'blocked', dependants: ['app'] }],
    ['blocks while the deletion of what depends on it is parked', [node('db', []), node('app', ['db'], 'parked')], { verdict: 'blocked', dependants: ['app'] }],
    ['waits for what depends on it and is being deleted', [node('db', []), node('app', ['db'])], { verdict: 'wait', dependants: ['app'] }],
    ['names only what blocks, in order', [node('db', []), node('z', ['db'], 'none'), node('m', ['db']), node('b', ['db'], 'parked')], { verdict: 'blocked', dependants: ['b', 'z'] }],
    ['names all that it waits for, in order', [node('db', []), node('z', ['db']), node('b', ['db'])], { verdict: 'wait', dependants: ['b', 'z'] }],
    ['waits for no other of a circle', [node('db', ['app']), node('app', ['queue']), node('queue', ['db'])], { verdict: 'clear' }],
    ['waits for what comes before a circle', [node('db', ['app']), node('app', ['db']), node('web', ['db'])], { verdict: 'wait', dependants: ['web'] }],
    ['blocks in a circle of which one is not deleted', [node('db', ['app']), node('app', ['db'], 'none')], { verdict: 'blocked', dependants: ['app'] }],
    ['blocks a whole circle while something outside depends on any of it', [node('db', ['app']), node('app', ['db']), node('web', ['app'], 'none')], { verdict: 'blocked', dependants: ['web'] }],
    ['holds a whole circle back while something outside that goes first is there', [node('db', ['app']), node('app', ['db']), node('web', ['app'])], { verdict: 'wait', dependants: ['web'] }],
    ['lets a circle go although one of it was parked before the others were asked for', [node('db', ['app']), node('app', ['db'], 'blocked')], { verdict: 'clear' }],
    ['blocks in a circle of which one is parked for a reason of its own', [node('db', ['app']), node('app', ['db'], 'parked')], { verdict: 'blocked', dependants: ['app'] }],
    ['blocks while what depends on it is blocked itself, outside of any circle', [node('db', []), node('app', ['db'], 'blocked')], { verdict: 'blocked', dependants: ['app'] }],
    ['takes no service for its own dependant', [node('db', ['db'])], { verdict: 'clear' }],
  ])('%s', (_, services, verdict) => {
    expect(checkDependants('db', services)).toEqual(verdict);
  });

  test('blocks while something that nobody deletes depends on the service, names all of that, and nothing that is being deleted', () => {
    fc.assert(fc.property(graph(['none', 'live', 'parked']), fc.constantFrom(...IDS), (services, id) => {
      const blocking = dependantsOf(id, services).filter(({ deletion }) => deletion !== 'live').map(({ serviceInstanceId }) => serviceInstanceId);
      const check = checkDependants(id, services);
      if (blocking.length > 0) expect(check.verdict).toBe('blocked');
      if (check.verdict !== 'blocked') return;
      expect(check.dependants).toEqual(expect.arrayContaining(blocking));
      expect(services.filter(({ serviceInstanceId, deletion }) => check.dependants.includes(serviceInstanceId) && deletion === 'live')).toEqual([]);
    }), { numRuns: 2_000 });
  });

  test('is clear only when nothing depends on the service but what it depends on itself', () => {
    fc.assert(fc.property(graph(['none', 'live', 'parked']), fc.constantFrom(...IDS), (services, id) => {
      fc.pre(checkDependants(id, services).verdict === 'clear');
      const self = services.filter((one) => one.serviceInstanceId === id);
      for (const { serviceInstanceId } of dependantsOf(id, services)) expect(leadsTo(self, services)).toContain(serviceInstanceId);
    }), { numRuns: 2_000 });
  });

  test('lets every graph of services that are being deleted be deleted whole, in whatever order they get their turn', () => {
    fc.assert(fc.property(graph(['live']), picks, (services, pick) => {
      expect(deleteAll(services, pick)).toEqual([]);
    }), { numRuns: 2_000 });
  });

  test('leaves of what is being deleted only that which something stays for', () => {
    fc.assert(fc.property(graph(['none', 'live', 'parked']), picks, (services, pick) => {
      const kept = leadsTo(services.filter(({ deletion }) => deletion !== 'live'), services);
      for (const { serviceInstanceId } of deleteAll(services, pick)) expect(kept).toContain(serviceInstanceId);
    }), { numRuns: 2_000 });
  });
});
