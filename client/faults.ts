/** What the command ends with; documented in `--help`. */
export const EXIT_CODES = {
  ok: 0,
  /** The deletion was watched, and failed, was cancelled or had not ended in time. */
  failed: 1,
  usage: 2,
  'not-found': 3,
  refused: 4,
  unreachable: 5,
} as const;
export type FaultKind = Exclude<keyof typeof EXIT_CODES, 'ok'>;

/** What went wrong, in words for the person who asked: no stack is shown with it. */
export class ClientFault extends Error {
  override readonly name = 'ClientFault';
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** The shortest text that says why something could not be reached. */
export function causeOf(error: unknown): string {
  let found = error;
  while (found instanceof Error && found.cause instanceof Error) found = found.cause;
  if (found instanceof AggregateError && found.errors[0] instanceof Error) found = found.errors[0];
  if (!(found instanceof Error)) return String(found);
  if ('code' in found && typeof found.code === 'string' && found.code.startsWith('E')) return found.code;
  return found.message || found.name;
}
