import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { takesColours, type ColourWishes } from './paint.rules.js';

/** Where the command writes; standard output and error, or a test's. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** A person looks at standard error: progress may be redrawn there. */
  readonly interactive: boolean;
  /** Replaces the line that was drawn last on standard error; an empty text takes it away. */
  redraw(text: string): void;
  /** Characters to a line of standard output; undefined where it is no terminal. */
  readonly columns?: number | undefined;
  /** Standard output takes colours. */
  readonly coloured?: boolean;
  /** Asks whoever sits there; undefined where nobody does. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}

export interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** The process's own terminal. */
export function createTerminal({ stdin, stdout, stderr }: Streams, wishes: ColourWishes): Terminal {
  const ask = async (question: string): Promise<string> => {
    const lines = createInterface({ input: stdin, output: stderr });
    try {
      // Whoever ends the input has said nothing.
      return await Promise.race([lines.question(question), once(lines, 'close').then(() => '')]);
    } finally {
      lines.close();
    }
  };
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    interactive: stderr.isTTY,
    redraw: (text) => void stderr.write(`\r\u001b[2K${text.slice(0, Math.max(stderr.columns - 1, 20))}`),
    columns: stdout.isTTY ? stdout.columns : undefined,
    coloured: takesColours(stdout.isTTY, wishes),
    ask: stdin.isTTY && stderr.isTTY ? ask : undefined,
  };
}
