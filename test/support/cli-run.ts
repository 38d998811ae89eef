import { runCli, type CliSetting } from '../../client/run.js';
import type { Terminal } from '../../client/terminal.js';

export interface RecordedTerminal {
  readonly terminal: Terminal;
  /** What was written to standard output and error; redrawn lines are not kept. */
  readonly said: { readonly out: string[]; readonly err: string[] };
}

/** A terminal that keeps what is written. */
export function recordedTerminal(more: Partial<Terminal> = {}): RecordedTerminal {
  const said = { out: [] as string[], err: [] as string[] };
  return { said, terminal: { out: (text) => void said.out.push(text), err: (text) => void said.err.push(text), interactive: false, redraw: () => undefined, ...more } };
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `expunge <args>` in this process. */
export async function runRecorded(args: readonly string[], env: NonNullable<CliSetting['env']>, more: Partial<Terminal> = {}): Promise<Ran> {
  const { terminal, said } = recordedTerminal(more);
  const code = await runCli(args, { terminal, env });
  return { code, out: said.out.join('\n'), err: said.err.join('\n') };
}
