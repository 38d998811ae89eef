import { z } from 'zod';
import { DEFAULT_LANE } from './names/index.js';
import { nearest } from '../platform/did-you-mean.rules.js';
import { parseDuration } from '../platform/duration.js';

/** An object of exactly these keys: a key that is misspelt would otherwise be a policy that silently does not hold. */
const closed = <S extends z.core.$ZodLooseShape>(shape: S) => z.strictObject(shape, {
  error: (issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `unknown key "${key}": ${suggestion(key, Object.keys(shape))}`).join('; ');
    }
    return `write keys and values (${Object.keys(shape).join(', ')})`;
  },
});

const suggestion = (word: string, known: readonly string[]): string => {
  const meant = nearest(word, known);
  return meant ? `did you mean ${meant}?` : `known are ${known.join(', ')}`;
};

const duration = (minMs: number) => z.string('write a duration with its unit, such as 90s or 24h').transform((text, ctx) => {
  try {
    const durationMs = parseDuration(text);
    if (durationMs >= minMs) return durationMs;
    ctx.addIssue({ code: 'custom', message: 'write a duration longer than 0' });
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: (error as RangeError).message });
  }
  return z.NEVER;
});

const whole = (min: number, max: number) => {
  const form = `write a whole number from ${min} to ${max}`;
  return z.int(form).min(min, form).max(max, form);
};

const laneName = z.string('write the name of a lane').regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'write at most 40 small letters, digits and hyphens');
const dagId = z.string('write the id of a DAG').regex(/^[A-Za-z0-9._-]{1,150}$/, 'write letters, digits, dots, _ and - only');

const terms = {
  resultTimeout: duration(1).optional(),
  autoRetries: whole(0, 100).optional(),
  retryBackoff: duration(0).optional(),
  maxRetryBackoff: duration(0).optional(),
  parkingWindow: duration(1).optional(),
  dueIn: duration(1).optional(),
};
/** What is said of users only: how what is left after a completed deletion is looked for, and what it leads to. */
const verificationTerms = {
  verificationDeadline: duration(1).optional(),
  onResidual: z.enum(['alert', 'delete-again'], 'write alert or delete-again').optional(),
  deleteAgainAtMost: whole(0, 10).optional(),
};
/** What a kind or a service type may say besides. */
const placedTerms = { dagId: dagId.optional(), lane: laneName.optional(), ...terms };

/**
 * The policy file: how deletions are carried out, by kind and by service type. Whatever it leaves open is taken from the
 * environment's defaults. DAG ids are those of the default lane; every other lane runs `<dagId>__<lane>`.
 */
export const policyFileSchema = closed({
  defaults: closed(terms).optional(),
  kinds: closed({
    user: closed({ ...placedTerms, ...verificationTerms }).optional(),
    service: closed(placedTerms).optional(),
    tenant: closed(placedTerms).optional(),
  }).optional(),
  services: z.record(z.string().regex(/^[A-Za-z0-9._:-]{1,64}$/, 'a service type is 1 to 64 of A-Z a-z 0-9 . _ : -'), closed(placedTerms), 'write service types and their policies').optional(),
  lanes: z.array(closed({ name: laneName, workerSlots: whole(1, 1_000).optional(), triggerConcurrency: whole(1, 1_000).optional() }), 'write a list of lanes').optional(),
}).check((ctx) => {
  const { kinds = {}, services = {}, lanes = [] } = ctx.value;
  const known = [...new Set([DEFAULT_LANE, ...lanes.map(({ name }) => name)])];
  const users = [...Object.entries(kinds).map(([name, policy]) => ['kinds', name, policy] as const), ...Object.entries(services).map(([name, policy]) => ['services', name, policy] as const)];
  for (const [part, name, policy] of users) {
    if (policy?.lane !== undefined && !known.includes(policy.lane)) {
      ctx.issues.push({ code: 'custom', input: policy.lane, path: [part, name, 'lane'], message: `no lane "${policy.lane}" is listed under lanes: ${suggestion(policy.lane, known)}` });
    }
  }
  lanes.forEach(({ name }, i) => {
    if (lanes.findIndex((other) => other.name === name) !== i) ctx.issues.push({ code: 'custom', input: name, path: ['lanes', i, 'name'], message: `the lane "${name}" is listed twice` });
  });
});

export type PolicyFile = z.output<typeof policyFileSchema>;
export type PolicyTerms = NonNullable<NonNullable<PolicyFile['services']>[string]>;
