import { createHash } from 'node:crypto';
import { API_ROLES } from '../../contracts/api/me.js';
import type { ApiRole } from '../../contracts/api/me.js';
import { personId } from '../../contracts/topics/index.js';

/** Who calls. */
export interface Caller {
  /** As timelines have it: the token's subject. */
  readonly person: string;
  /** The highest that the token names; undefined when it names none. */
  readonly role: ApiRole | undefined;
  /** The only tenants that the caller may see or act on; undefined for one without a fence, who may see users' deletions too. */
  readonly tenants: readonly string[] | undefined;
}

/** Whoever calls an API that asks nobody for a token: it listens on this machine only. */
export const ANYONE: Caller = { person: 'unauthenticated', role: 'admin', tenants: undefined };

/** Where in a token's claims roles and tenants are. */
export interface ClaimNames {
  readonly roles: string;
  readonly tenant: string;
}

/** The token's claims are of a form that would leave open what it allows. Its message is shown to the caller. */
export class UnusableClaims extends Error {
  override readonly name = 'UnusableClaims';
}

/**
 * Who a verified token speaks for.
 * @throws UnusableClaims for a tenant claim that is there and names no tenant: it must not pass for none, which sees all.
 */
export function callerOf(claims: Readonly<Record<string, unknown>>, names: ClaimNames): Caller {
  const { sub } = claims;
  if (typeof sub !== 'string' || sub.trim() === '') throw new UnusableClaims('The token names no subject.');
  const roles = wordsOf(claimAt(claims, names.roles)) ?? [];
  return { person: personOf(sub), role: API_ROLES.findLast((role) => roles.includes(role)), tenants: tenantsOf(claimAt(claims, names.tenant), names.tenant) };
}

export const mayAct = ({ role }: Caller, needed: ApiRole): boolean => role !== undefined && API_ROLES.indexOf(role) >= API_ROLES.indexOf(needed);

/** Whether an object of this tenant, or a user's with none, is inside the caller's fence. */
export const mayAccess = ({ tenants }: Caller, tenantId: string | null): boolean => tenants === undefined || (tenantId !== null && tenants.includes(tenantId));

/**
 * A token's subject as contracts and timelines take a person. One that breaks the rules for persons (an issuer's `auth0|17`, or a very
 * long one) has its strange characters replaced and ends in a digest of the whole, so that no two become one.
 */
export function personOf(subject: string): string {
  if (personId.safeParse(subject).success) return subject;
  const digest = createHash('sha256').update(subject).digest('hex').slice(0, 12);
  return `${subject.replace(/[^A-Za-z0-9._:@+-]/g, '_').slice(0, 64 - 1 - digest.length)}-${digest}`;
}

/** A claim by its name, which may hold dots (`https://expunge/roles`), or by its path (`realm_access.roles`). */
function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let found: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<string, unknown>)[step];
  }
  return found;
}

/** A list of words, or words with spaces between as OAuth's `scope` has them. */
function wordsOf(claim: unknown): string[] | undefined {
  if (typeof claim === 'string') return claim.split(' ').filter((word) => word !== '');
  return Array.isArray(claim) && claim.every((word) => typeof word === 'string') ? claim : undefined;
}

function tenantsOf(claim: unknown, name: string): readonly string[] | undefined {
  if (claim === undefined) return undefined;
  const tenants = typeof claim === 'string' ? [claim] : wordsOf(claim);
  if (tenants === undefined || tenants.length === 0 || tenants.some((tenant) => tenant.trim() === '')) throw new UnusableClaims(`The token's claim "${name}" names no tenant: it must be a tenant, a list of tenants, or not there.`);
  return [...new Set(tenants)];
}
