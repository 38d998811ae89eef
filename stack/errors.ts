/** A part of the stack cannot be had on this machine; the message is one sentence that says what to install or to set. */
export class MissingToolError extends Error {
  override readonly name = 'MissingToolError';
}

/** A part of the stack did not come up; the message names its log. */
export class PartFailedError extends Error {
  override readonly name = 'PartFailedError';
}

/** A command that the stack ran failed; the message holds its last lines. */
export class CommandFailedError extends Error {
  override readonly name = 'CommandFailedError';
}

/** The start was given up while this part was under way: another part failed, or a person stopped it. */
export class GivenUpError extends Error {
  override readonly name = 'GivenUpError';
  constructor() {
    super('given up');
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
