import Table from 'cli-table3';
import { printable } from '../../client/table.rules.js';
import type { Paint } from './colours.js';
import type { Row } from './rows.rules.js';
import { seconds } from './rows.rules.js';

/** A line about something that came out. */
export interface FeedLine {
  readonly atMs: number;
  readonly topic: string;
  readonly about: string;
  readonly text: string;
}

export interface Frame {
  readonly heading: string;
  readonly rows: readonly Row[];
  /** Oldest first; the newest are shown. */
  readonly feed: readonly FeedLine[];
}

const HEAD = ['', 'what', 'whose data', 'status', 'try', 'since', 'Airflow run, or why not'] as const;
const FIXED = { mark: 2, status: 17, attempt: 5, since: 9 } as const;
const TOPIC_WIDTH = 24;
const ABOUT_WIDTH = 24;
const NONE = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' };

/** Cuts a text to a width, with a mark that it was cut. */
export const fitted = (text: string, width: number): string => (text.length <= width ? text : width < 1 ? '' : `${text.slice(0, width - 1)}…`);

/**
 * The lines of one picture of the live table: at most `lines` of them, none wider than `columns`.
 * When there is too little room, what came out goes first, then what is over.
 */
export function renderFrame({ heading, rows, feed }: Frame, { columns, lines, paint }: { readonly columns: number; readonly lines: number; readonly paint: Paint }): string[] {
  const room = Math.max(1, lines - 3);
  const shown = rows.length <= room ? rows : [...rows.filter(({ over }) => !over), ...rows.filter(({ over }) => over)].slice(0, room);
  const table = [paint('strong', fitted(heading, columns)), '', ...tableLines(shown, columns, paint)];
  const feedRoom = Math.min(8, lines - table.length - 2);
  if (feedRoom < 1 || feed.length === 0) return table.slice(0, lines);
  return [...table, '', paint('quiet', fitted('What came out', columns)), ...feed.slice(-feedRoom).map((line) => feedText(line, columns, paint))];
}

function tableLines(rows: readonly Row[], columns: number, paint: Paint): string[] {
  const { mark, status, attempt, since } = FIXED;
  const free = Math.max(0, columns - mark - status - attempt - since);
  const title = Math.min(24, Math.floor(free * 0.35));
  const subject = Math.min(27, Math.floor(free * 0.4));
  const run = Math.max(0, free - title - subject - 1);
  const widths = [mark, title, subject, status, attempt, since, run];
  const table = new Table({ chars: NONE, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 }, colWidths: widths });
  const cells = (values: readonly string[]): string[] => values.map((value, i) => fitted(printable(value), Math.max(0, (widths[i] ?? 0) - 1)));
  table.push(cells(HEAD).map((cell) => paint('quiet', cell)));
  for (const row of rows) {
    const [, ...rest] = cells(['', row.title, row.subject, row.status, row.attempt, row.since, row.run]);
    table.push([paint(row.tone, markOf(row)), ...rest.map((cell, i) => (i === 2 ? paint(row.tone, cell) : i === 5 ? paint('quiet', cell) : cell))]);
  }
  return table.toString().split('\n').map((line) => line.trimEnd());
}

const markOf = ({ tone, over }: Row): string => (over ? (tone === 'bad' ? '✗' : '✓') : tone === 'bad' ? '!' : tone === 'busy' ? '▸' : '·');

const feedText = ({ atMs, topic, about, text }: FeedLine, columns: number, paint: Paint): string => {
  const plain = fitted(printable(`${seconds(atMs).padStart(7)}  ${fitted(topic, TOPIC_WIDTH).padEnd(TOPIC_WIDTH)}  ${about.padEnd(ABOUT_WIDTH)}  ${text}`), columns - 1);
  return `${paint('quiet', plain.slice(0, 9 + TOPIC_WIDTH))}${plain.slice(9 + TOPIC_WIDTH)}`;
};

/** One change, as a plain line for where nothing can be redrawn. */
export function changeLine(row: Row, atMs: number): string {
  const parts = [seconds(atMs).padStart(7), row.title.trim().padEnd(22), row.subject.padEnd(26), row.status.padEnd(15), row.attempt === '' ? '' : `try ${row.attempt}`, row.run];
  return printable(parts.join('  ').trimEnd());
}

/** What came out, as a plain line. */
export const plainFeedLine = ({ atMs, topic, about, text }: FeedLine): string => printable(`${seconds(atMs).padStart(7)}  → ${topic}  ${about}  ${text}`);
