import { expect, test } from 'vitest';
import type { Subject } from '../../../contracts/names/index.js';
import { loadConfig } from '../../../platform/config.js';
import { loadPolicies, parsePolicies, PolicyFault } from '../../../platform/policies.js';

const defaults = { resultTimeoutMs: 86_400_000, autoRetries: 3, retryBackoffMs: 60_000, maxRetryBackoffMs: 3_600_000, parkingWindowMs: 604_800_000, dueInMs: 2_592_000_000, verificationDeadlineMs: 86_400_000, workerSlots: 40 };
const service = (serviceType: string): Subject => ({ kind: 'service', tenantId: 't', serviceType, serviceInstanceId: 'i' });
const user: Subject = { kind: 'user', subjectRef: 'v1.x' };
const tenant: Subject = { kind: 'tenant', tenantId: 't', emptying: 1 };

const faultsOf = (text: string): readonly string[] => {
  try {
    parsePolicies(text, defaults);
  } catch (error) {
    if (error instanceof PolicyFault) return error.faults;
    throw error;
  }
  return [];
};

test('an empty file leaves everything to the environment', () => {
  const policies = parsePolicies('', defaults);
  const { workerSlots: _, verificationDeadlineMs: __, ...terms } = defaults;
  expect(policies.policyFor(service('anything'))).toEqual({ dagId: 'service_cleanup_dag', lane: 'default', ...terms });
  expect(policies.policyFor(user).dagId).toBe('user_cleanup_dag');
  expect(policies.policyFor(tenant).dagId).toBe('tenant_cleanup_dag');
  expect(policies.lanes).toEqual([{ name: 'default', workerSlots: 40, triggerConcurrency: 8 }]);
});

test('what is said nearest to the deletion holds', () => {
  const policies = parsePolicies(`
defaults: { resultTimeout: 1h, autoRetries: 1 }
kinds: { service: { autoRetries: 2, dagId: svc_dag }, user: { dueIn: 20d } }
services: { hadoop: { autoRetries: 0, lane: heavy }, email: {} }
lanes: [ { name: heavy, workerSlots: 2, triggerConcurrency: 1 } ]`, defaults);
  expect(policies.policyFor(service('hadoop'))).toMatchObject({ autoRetries: 0, resultTimeoutMs: 3_600_000, lane: 'heavy', dagId: 'svc_dag__heavy', dueInMs: defaults.dueInMs });
  expect(policies.policyFor(service('email'))).toMatchObject({ autoRetries: 2, lane: 'default', dagId: 'svc_dag' });
  expect(policies.policyFor(user)).toMatchObject({ autoRetries: 1, dueInMs: 20 * 86_400_000 });
  expect(policies.lanes.map(({ name }) => name)).toEqual(['default', 'heavy']);
});

test('what is left of users is looked for as the file says, and of nothing else', () => {
  expect(parsePolicies('', defaults).policyFor(user).verification).toEqual({ deadlineMs: 86_400_000, onResidual: 'alert', deleteAgainAtMost: 1 });
  const policies = parsePolicies('kinds: { user: { verificationDeadline: 2h, onResidual: delete-again, deleteAgainAtMost: 3 } }', defaults);
  expect(policies.policyFor(user).verification).toEqual({ deadlineMs: 7_200_000, onResidual: 'delete-again', deleteAgainAtMost: 3 });
  for (const subject of [service('email'), tenant]) expect(policies.policyFor(subject)).not.toHaveProperty('verification');
});

test('a service type that no policy names gets the default, whatever it is called', () => {
  const policies = parsePolicies('services: { hadoop: { autoRetries: 9 } }', defaults);
  for (const type of ['unheard-of', 'constructor', '__proto__', 'toString', 'Hadoop']) expect(policies.policyFor(service(type)).autoRetries).toBe(3);
});

test.each([
  ['defaults: { resultTimout: 5h }', 'defaults: unknown key "resultTimout": did you mean resultTimeout?'],
  ['service: {}', 'the file: unknown key "service": did you mean services?'],
  ['kinds: { users: {} }', 'kinds: unknown key "users": did you mean user?'],
  ['services: { a: { lane: heavi } }\nlanes: [{ name: heavy }]', 'services.a.lane: no lane "heavi" is listed under lanes: did you mean heavy?'],
  ['services: { a: { resultTimeout: 5 } }', 'services.a.resultTimeout: write a duration with its unit, such as 90s or 24h'],
  ['services: { a: { resultTimeout: 0s } }', 'services.a.resultTimeout: write a duration longer than 0'],
  ['services: { a: { autoRetries: many } }', 'services.a.autoRetries: write a whole number from 0 to 100'],
  ['services: { "a b": {} }', 'services.a b: '],
  ['services: { a: 5 }', 'services.a: write keys and values'],
  ['lanes: [{ name: heavy }, { name: heavy }]', 'lanes.1.name: the lane "heavy" is listed twice'],
  ['lanes: [{ name: HEAVY }]', 'lanes.0.name: write at most 40 small letters'],
  ['services: { a: { retryBackoff: 2h } }', 'services.a: retryBackoff is longer than maxRetryBackoff'],
  ['defaults: {}\ndefaults: {}', 'Map keys must be unique at line 2'],
  ['kinds: { user: { onResidual: erase } }', 'kinds.user.onResidual: write alert or delete-again'],
  ['kinds: { service: { onResidual: alert } }', 'kinds.service: unknown key "onResidual"'],
  ['- a list', 'the file: write keys and values'],
])('%s is refused', (text, fault) => {
  expect(faultsOf(text)).toEqual([expect.stringContaining(fault)]);
});

test('several faults are named at once', () => {
  expect(faultsOf('defaults: { dueIn: soon }\nservices: { a: { lane: 7, autoRetries: -1 } }')).toHaveLength(3);
});

test('the shipped file holds, and leaves the environment its say', () => {
  const policies = loadPolicies(loadConfig({ RESULT_TIMEOUT: '5h', WORKER_ACTIVITY_SLOTS: '7' }));
  expect(policies.policyFor(service('email')).resultTimeoutMs).toBe(5 * 3_600_000);
  expect(policies.lanes[0]).toMatchObject({ name: 'default', workerSlots: 7 });
});

test('a file that is not there is a clear fault', () => {
  expect(() => loadPolicies(loadConfig({ POLICY_FILE: '/not/there.yaml' }))).toThrow(/\/not\/there\.yaml[\s\S]*ENOENT[\s\S]*POLICY_FILE/);
});
