import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';
import { DEFAULT_LANE, DEFAULT_VERIFICATION, dagIdFor } from '../contracts/names/index.js';
import type { DeletionKind, DeletionPolicy, Subject, VerificationPolicy } from '../contracts/names/index.js';
import { policyFileSchema } from '../contracts/policy.js';
import type { PolicyFile, PolicyTerms } from '../contracts/policy.js';
import type { Config } from './config.js';

/** A bulkhead. */
export interface Lane {
  readonly name: string;
  /** Activities that one worker process runs at once. */
  readonly workerSlots: number;
  /** Requests that one trigger bridge has open at Airflow at once. */
  readonly triggerConcurrency: number;
}

/** How each deletion is carried out. */
export interface Policies {
  policyFor(subject: Subject): DeletionPolicy;
  /** All lanes, the default one first. */
  readonly lanes: readonly Lane[];
}

/** The policy file cannot be used; every fault is named with its place in the file. */
export class PolicyFault extends Error {
  override readonly name = 'PolicyFault';
  readonly faults: readonly string[];

  constructor(file: string, faults: readonly string[]) {
    super(`The policy file ${file} cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

const DAG_IDS: Readonly<Record<DeletionKind, string>> = { user: 'user_cleanup_dag', service: 'service_cleanup_dag', tenant: 'tenant_cleanup_dag' };
const TRIGGER_CONCURRENCY = 8;
const SHIPPED_FILE = fileURLToPath(new URL('../deploy/policies.yaml', import.meta.url));

type PolicyConfig = Pick<Config, 'policy'>;

/**
 * Reads and checks the policy file that the configuration names, or the one that is shipped.
 * @throws PolicyFault naming every fault.
 */
export function loadPolicies(config: PolicyConfig): Policies {
  const file = config.policy.file ?? SHIPPED_FILE;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new PolicyFault(file, [`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): name a file in POLICY_FILE that this process may read`]);
  }
  return parsePolicies(text, config.policy.defaults, file);
}

/**
 * The policies of a file's text.
 * @param defaults what holds where the file says nothing.
 * @throws PolicyFault naming every fault.
 */
export function parsePolicies(text: string, defaults: Config['policy']['defaults'], fileName = 'policies.yaml'): Policies {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new PolicyFault(fileName, document.errors.map(({ message }) => message.split('\n')[0] ?? message));
  const parsed = policyFileSchema.safeParse(document.toJS() ?? {});
  if (!parsed.success) throw new PolicyFault(fileName, parsed.error.issues.map(({ path, message }) => `${path.length > 0 ? path.join('.') : 'the file'}: ${message}`));
  const file = parsed.data;

  const byType = new Map(Object.entries(file.services ?? {}));
  const resolved = { user: { ...resolve('user', {}), verification: verificationOf(file, defaults) }, service: resolve('service', {}), tenant: resolve('tenant', {}) };
  const services = new Map([...byType].map(([type, terms]) => [type, resolve('service', terms)]));
  const faults = [...Object.entries(resolved).map(([kind, policy]) => [`kinds.${kind}`, policy] as const), ...[...services].map(([type, policy]) => [`services.${type}`, policy] as const)]
    .filter(([, { retryBackoffMs, maxRetryBackoffMs }]) => retryBackoffMs > maxRetryBackoffMs)
    .map(([place]) => `${place}: retryBackoff is longer than maxRetryBackoff (RETRY_BACKOFF and MAX_RETRY_BACKOFF where the file says nothing)`);
  if (faults.length > 0) throw new PolicyFault(fileName, faults);

  return {
    policyFor: (subject) => (subject.kind === 'service' ? services.get(subject.serviceType) : undefined) ?? resolved[subject.kind],
    lanes: lanesOf(file, defaults.workerSlots),
  };

  /** What is said nearest to the deletion holds: its service type, its kind, the file's defaults, the environment's. */
  function resolve(kind: DeletionKind, terms: PolicyTerms): DeletionPolicy {
    const sources: readonly PolicyTerms[] = [terms, file.kinds?.[kind] ?? {}, file.defaults ?? {}];
    const said = <K extends keyof PolicyTerms>(key: K): PolicyTerms[K] => sources.find((source) => source[key] !== undefined)?.[key];
    const lane = said('lane') ?? DEFAULT_LANE;
    return {
      dagId: dagIdFor(said('dagId') ?? DAG_IDS[kind], lane),
      lane,
      resultTimeoutMs: said('resultTimeout') ?? defaults.resultTimeoutMs,
      autoRetries: said('autoRetries') ?? defaults.autoRetries,
      retryBackoffMs: said('retryBackoff') ?? defaults.retryBackoffMs,
      maxRetryBackoffMs: said('maxRetryBackoff') ?? defaults.maxRetryBackoffMs,
      parkingWindowMs: said('parkingWindow') ?? defaults.parkingWindowMs,
      dueInMs: said('dueIn') ?? defaults.dueInMs,
    };
  }
}

function verificationOf({ kinds }: PolicyFile, { verificationDeadlineMs }: Config['policy']['defaults']): VerificationPolicy {
  const { verificationDeadline, onResidual, deleteAgainAtMost } = kinds?.user ?? {};
  return {
    deadlineMs: verificationDeadline ?? verificationDeadlineMs,
    onResidual: onResidual ?? DEFAULT_VERIFICATION.onResidual,
    deleteAgainAtMost: deleteAgainAtMost ?? DEFAULT_VERIFICATION.deleteAgainAtMost,
  };
}

function lanesOf({ lanes = [] }: PolicyFile, workerSlots: number): Lane[] {
  const listed = lanes.map((lane) => ({ name: lane.name, workerSlots: lane.workerSlots ?? workerSlots, triggerConcurrency: lane.triggerConcurrency ?? TRIGGER_CONCURRENCY }));
  const base = listed.find(({ name }) => name === DEFAULT_LANE) ?? { name: DEFAULT_LANE, workerSlots, triggerConcurrency: TRIGGER_CONCURRENCY };
  return [base, ...listed.filter(({ name }) => name !== DEFAULT_LANE)];
}
