import Table from 'cli-table3';

/** Where the command writes; standard output and error, or a test's. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** A person looks at standard error: progress may be redrawn there. */
  readonly interactive: boolean;
  /** Replaces the line that was drawn last on standard error; an empty text takes it away. */
  redraw(text: string): void;
}

/** The process's own terminal. */
export function createTerminal(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Terminal {
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    interactive: stderr.isTTY,
    redraw: (text) => void stderr.write(`\r\u001b[2K${text.slice(0, Math.max(stderr.columns - 1, 20))}`),
  };
}

/**
 * Text that is safe to show: what others wrote into a reason or an error must not move the cursor or colour the screen.
 * Line breaks stay.
 */
export const printable = (text: string): string => text.replace(/(?!\n)[\p{Cc}\p{Cf}]/gu, ' ');

/** Columns that hold longer text are wrapped at this width. */
const WRAP_AT = 60;

/** A table with a header line. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const longest = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
    wrapOnWordBoundary: true,
    colWidths: longest.map((width) => (width > WRAP_AT ? WRAP_AT + 2 : null)),
  });
  table.push(...cells);
  return table.toString();
}

/** Names and values, one a line; those without a value are left out. */
export function listOf(pairs: readonly (readonly [name: string, value: string | null | undefined])[]): string {
  const present = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== null && pair[1] !== undefined && pair[1] !== '');
  const width = Math.max(...present.map(([name]) => name.length));
  return present.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n');
}

/** An ISO time to the second, as people read it. */
export const shownTime = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')}Z`;

/** A time span as people read it: `850 ms`, `4.2 s`, `5 min 3 s`, `2 h 5 min`, `3 d 4 h`. */
export function shownSpan(spanMs: number): string {
  if (spanMs < 1_000) return `${Math.round(spanMs)} ms`;
  if (spanMs < 60_000) return `${(spanMs / 1_000).toFixed(1)} s`;
  const units = [['d', 86_400], ['h', 3_600], ['min', 60], ['s', 1]] as const;
  let seconds = Math.round(spanMs / 1_000);
  const parts = units.map(([unit, size]) => {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    return { unit, count };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  return parts.slice(first, first + 2).filter(({ count }) => count > 0).map(({ unit, count }) => `${count} ${unit}`).join(' ');
}
