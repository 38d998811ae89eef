import type { PartName } from './parts.js';

export type PartState = 'looking' | 'fetching' | 'fetched' | 'starting' | 'ready' | 'failed';

/** A step of one part's way up. */
export interface Progress {
  readonly part: PartName;
  readonly title: string;
  readonly state: PartState;
  readonly detail: string;
  /** Since the start of the stack. */
  readonly seconds: number;
}
export type OnProgress = (progress: Progress) => void;

/** What progress is written to. */
export interface ProgressOutput {
  readonly isTTY: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const MARKS: Readonly<Record<PartState, string>> = { looking: '·', fetching: '↓', fetched: '·', starting: '…', ready: '✓', failed: '✗' };

/** One line about one part. */
export function progressLine({ title, state, detail, seconds }: Progress): string {
  const time = state === 'ready' || state === 'failed' ? `${seconds.toFixed(1)} s` : '';
  return `  ${MARKS[state]} ${title.padEnd(19)} ${state.padEnd(9)} ${time.padStart(7)}  ${detail}`.trimEnd();
}

/** Shows progress: one line per part, redrawn in place on a terminal, a plain line per change elsewhere. */
export function showProgress(output: ProgressOutput): OnProgress {
  if (!output.isTTY) return (progress) => output.write(`${progressLine(progress)}\n`);
  const lines = new Map<PartName, string>();
  return (progress) => {
    const up = lines.size;
    lines.set(progress.part, progressLine(progress).slice(0, (output.columns ?? 80) - 1));
    const move = up > 0 ? `\u001b[${up}A` : '';
    output.write(`${move}${[...lines.values()].map((line) => `\r\u001b[2K${line}\n`).join('')}`);
  };
}
