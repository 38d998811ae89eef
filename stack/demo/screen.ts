import type { ProgressOutput } from '../progress.js';
import type { Paint } from './colours.js';
import type { Row } from './rows.rules.js';
import { changeLine, plainFeedLine, renderFrame, type FeedLine, type Frame } from './table.rules.js';

/** Where the progress of the deletions is shown. */
export interface Screen {
  show(frame: Frame, atMs: number): void;
  /** Leaves the last picture standing, and the cursor visible below it. */
  close(): void;
}

export interface ScreenOutput extends ProgressOutput {
  readonly rows?: number;
}

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

/** A picture that is redrawn in place on a terminal; elsewhere a plain line for each change. */
export const openScreen = (output: ScreenOutput, paint: Paint): Screen => (output.isTTY ? redrawn(output, paint) : lineByLine(output));

function redrawn(output: ScreenOutput, paint: Paint): Screen {
  let drawn = 0;
  let last = '';
  return {
    show: (frame) => {
      const lines = renderFrame(frame, { columns: output.columns ?? 100, lines: (output.rows ?? 40) - 1, paint });
      const picture = lines.map((line) => `${line}\u001b[K\n`).join('');
      if (picture === last) return;
      last = picture;
      // One write: a terminal that draws between two of them would flicker.
      output.write(`${HIDE_CURSOR}${drawn > 0 ? `\u001b[${drawn}F` : ''}${picture}\u001b[J`);
      drawn = lines.length;
    },
    close: () => {
      if (drawn > 0) output.write(SHOW_CURSOR);
      drawn = 0;
    },
  };
}

function lineByLine(output: ScreenOutput): Screen {
  const known = new Map<string, string>();
  let told = 0;
  const changed = (row: Row): boolean => {
    const state = `${row.status} ${row.attempt}`;
    const before = known.get(row.subject + row.title);
    known.set(row.subject + row.title, state);
    return before !== undefined && before !== state;
  };
  const news = (feed: readonly FeedLine[]): readonly FeedLine[] => {
    const fresh = feed.slice(told);
    told = feed.length;
    return fresh;
  };
  return {
    show: ({ rows, feed }, atMs) => {
      for (const line of news(feed)) output.write(`${plainFeedLine(line)}\n`);
      for (const row of rows) if (changed(row)) output.write(`${changeLine(row, atMs)}\n`);
    },
    close: () => undefined,
  };
}
