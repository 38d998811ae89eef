import type { z } from 'zod';
import { decodeJsonObject } from './json-object.js';
import { MessageFault } from './message-fault.js';
import type { RawMessage } from './raw-message.js';

/** Fields whose values can hold no personal data: only these are quoted in a fault's message. */
const QUOTABLE = new Set([
  'tenantId', 'serviceType', 'serviceInstanceId', 'dependsOn', 'timestamp', 'gdprMode', 'dryRun',
  'eventType', 'status', 'dag_id', 'dry_run', 'tenant_id', 'target_service', 'target_instance',
  'new_status', 'soft_delete', 'created_at', 'updated_at', 'deleted_at', 'uploaded_at',
]);
/** Fields whose own keys are free: a path is not followed further than these. */
const OPEN_FIELDS = new Set(['metadata', 'conf']);

/**
 * Reads a message's value by its schema.
 * @throws MessageFault for everything that is wrong with it; its message quotes no user id and no free text.
 */
export function parseValue<Schema extends z.ZodType>(schema: Schema, message: RawMessage): z.output<Schema> {
  const input = decodeJsonObject(message.value);
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw faultOf(issue?.path ?? [], issue?.message ?? 'is not as the contract has it', input);
}

function faultOf(path: readonly PropertyKey[], rule: string, input: unknown): MessageFault {
  const known = followed(path);
  const field = known.map(String).join('.');
  let value: unknown = input;
  for (const step of path) value = typeof value === 'object' && value !== null && Object.hasOwn(value, step) ? (value as Record<PropertyKey, unknown>)[step] : undefined;
  if (value === undefined) return new MessageFault('MISSING_FIELD', `${field} is missing: it ${rule}.`, field);
  const name = known.findLast((step) => typeof step === 'string');
  const quoted = QUOTABLE.has(name ?? '') ? ` (found ${shortened(value)})` : ` (found ${kindOf(value)}; not quoted here)`;
  return new MessageFault('INVALID_FIELD', `${field || 'The value'} ${rule}${quoted}.`, field);
}

function followed(path: readonly PropertyKey[]): PropertyKey[] {
  const known: PropertyKey[] = [];
  for (const step of path) {
    known.push(step);
    // In conf the contract names fields of its own; any others may be called anything.
    if (typeof step === 'string' && OPEN_FIELDS.has(step)) {
      const next = path[known.length];
      if (typeof next === 'string' && (QUOTABLE.has(next) || next === 'user_id')) known.push(next);
      break;
    }
  }
  return known;
}

function shortened(value: unknown): string {
  if (typeof value === 'object' && value !== null) return kindOf(value);
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * A message without a key is fine; one whose key is another than its body says was routed by something else, and the
 * order of that body's subject is not kept.
 * @throws MessageFault KEY_MISMATCH
 */
export function checkKey(message: RawMessage, expected: string, field: string): void {
  if (message.key === null || message.key.equals(Buffer.from(expected))) return;
  throw new MessageFault('KEY_MISMATCH', `The Kafka key is not ${field} ("${expected}"); send ${field} as the key, or none.`, 'key');
}
