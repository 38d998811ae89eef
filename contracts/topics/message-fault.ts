/** Why a message can never be handled as it is. Stable: dead letters, alerts and operators match on them. */
export const MESSAGE_FAULT_CODES = [
  /** A tombstone: no value at all. */
  'NULL_VALUE',
  /** More bytes than any message of these topics has. */
  'TOO_LARGE',
  'INVALID_UTF8',
  'NOT_JSON',
  /** JSON, but not an object. */
  'NOT_AN_OBJECT',
  /** One object names a field twice; readers disagree on which counts. */
  'DUPLICATE_FIELD',
  'TOO_DEEP',
  'MISSING_FIELD',
  'INVALID_FIELD',
  /** The Kafka key, or the body's own `key`, says something else than the body. */
  'KEY_MISMATCH',
  /** A header says something else than the body. */
  'HEADER_MISMATCH',
  /** The requestId is known already, for another subject. */
  'REQUEST_ID_TAKEN',
  /** A result for a job that was never asked for. */
  'UNKNOWN_JOB',
  /** PostgreSQL refused it for its content (SQLSTATE class 22 or 23). */
  'REFUSED_BY_DATABASE',
] as const;
export type MessageFaultCode = (typeof MESSAGE_FAULT_CODES)[number];

/**
 * The message itself is at fault: handling it again cannot help, so it belongs in the dead letters.
 * `message` names field, value (where it can hold no personal data) and remedy; it is fit for logs.
 * Anything else that a handler throws is taken for an outage of ours and waited out.
 */
export class MessageFault extends Error {
  override readonly name = 'MessageFault';
  readonly code: MessageFaultCode;
  /** Dotted path of the field at fault, or `header <name>`, or `key`. */
  readonly field: string | undefined;

  constructor(code: MessageFaultCode, message: string, field?: string) {
    super(message);
    this.code = code;
    this.field = field;
  }
}
