/** What a span may know of an error. */
export interface SpanFailure {
  /** The error's code or, without one, its class: `REQUEST_ID_TAKEN`, `ECONNREFUSED`, `BusOutage`. */
  readonly type: string;
  /** Where in the code it was thrown; empty when it does not say. */
  readonly where: string;
}

const CODE = /^[A-Za-z0-9_.-]{1,64}$/;
const MOST_LINES = 10;

/** Type and place of an error. Its message is left out, and so is whatever of the stack is no code line: they may quote what was sent, and so name a user. */
export function failureOf(error: unknown): SpanFailure {
  if (!(error instanceof Error)) return { type: typeof error, where: '' };
  const { name, stack = '' } = error;
  // Of an activity's failure the class of its cause is the type.
  const code = 'code' in error ? error.code : name === 'ApplicationFailure' && 'type' in error ? error.type : undefined;
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line)).slice(0, MOST_LINES);
  return { type: typeof code === 'string' && CODE.test(code) ? code : CODE.test(name) ? name : 'Error', where: lines.join('\n') };
}
