import type { About } from '../platform/tracing/about.js';

/** What an activity is called with, as far as a span tells of it. */
export interface Asked {
  readonly requestId?: string;
  readonly tenantId?: string;
}

/** Whom a call is about: a request or, when it names none, a tenant. */
export function askedOf(call: unknown): Asked {
  if (typeof call === 'string') return { tenantId: call };
  const { requestId, tenantId } = fieldsOf(call);
  if (typeof requestId === 'string') return { requestId };
  return typeof tenantId === 'string' ? { tenantId } : {};
}

/** What a span tells of an activity's call. A person's words are in some of them, and stay there. */
export function aboutCall(call: unknown): About {
  const { step, attempt, failureCode } = fieldsOf(call);
  return { ...askedOf(call), ...numbers({ step, attempt }), ...texts({ failureCode }) };
}

/** What a span tells of an activity's answer. */
export function aboutAnswer(answer: unknown): About {
  const { outcome, attempt, status, verdict } = fieldsOf(answer);
  return { ...numbers({ attempt }), ...texts({ outcome, status, verdict }) };
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {});

const numbers = <Name extends string>(fields: Record<Name, unknown>): Partial<Record<Name, number>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value === 'number')) as Partial<Record<Name, number>>;

const texts = <Name extends string>(fields: Record<Name, unknown>): Partial<Record<Name, string>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value === 'string')) as Partial<Record<Name, string>>;
