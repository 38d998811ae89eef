/** What the command ends with. */
export const EXIT_CODES = {
  ok: 0,
  /** The deletion was watched, and failed, was cancelled or had not ended in time. */
  failed: 1,
  usage: 2,
  'not-found': 3,
  refused: 4,
  unreachable: 5,
  /** A fault of the program itself (EX_SOFTWARE of sysexits.h). */
  internal: 70,
} as const;
export type FaultKind = Exclude<keyof typeof EXIT_CODES, 'ok' | 'internal'>;

/** What each exit code means, for people. */
export const EXIT_CODE_MEANINGS: Readonly<Record<keyof typeof EXIT_CODES, string>> = {
  ok: 'done',
  failed: 'watched, and it failed, was cancelled, or was not over in time',
  usage: 'the command, its input or the configuration is wrong',
  'not-found': 'not found',
  refused: 'refused: the answer says why',
  unreachable: 'a part cannot be reached: the answer names it and its variable',
  internal: 'a fault of this program; the answer shows all that it knows',
};

interface FaultOptions extends ErrorOptions {
  /** Each thing that is wrong, for scripts; people read them in the message, or were told before. */
  readonly faults?: readonly object[] | undefined;
}

/** What went wrong, in words for the person who asked: no stack is shown with it. */
export class ClientFault extends Error {
  override readonly name = 'ClientFault';
  readonly kind: FaultKind;
  readonly faults: readonly object[] | undefined;

  constructor(kind: FaultKind, message: string, { faults, ...options }: FaultOptions = {}) {
    super(message, options);
    this.kind = kind;
    this.faults = faults;
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
