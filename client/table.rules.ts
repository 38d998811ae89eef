import Table from 'cli-table3';
import type { Paint, Tone } from './paint.rules.js';

/** What a view is drawn on. */
export interface Screen {
  /** Characters to a line; undefined where lines may be of any length: in a file or a pipe. */
  readonly columns?: number | undefined;
  readonly paint: Paint;
}

export type Cell = string | { readonly text: string; readonly tone: Tone };
/** A column by its name; one that may go is left out, the last first, where the screen is too narrow for all. */
export type Column = string | { readonly name: string; readonly mayGo: true };

/**
 * Text that is safe to show: what others wrote into a reason or an error must not move the cursor or colour the screen.
 * Line breaks stay.
 */
export const printable = (text: string): string => text.replace(/(?!\n)[\p{Cc}\p{Cf}]/gu, ' ');

/** Cells with longer text are wrapped at this width, however wide the screen is. */
const WRAP_AT = 60;
/** A longer word may be broken. An id is not: it is there to be copied. */
const WHOLE_WORD = 48;

const nameOf = (column: Column): string => (typeof column === 'string' ? column : column.name);
const textOf = (cell: Cell): string => printable(typeof cell === 'string' ? cell : cell.text);
const wordsOf = (text: string): string[] => text.split(/\s+/);
const longestOf = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
/** Each cell has a blank on both sides and a line behind; one more line begins the row. */
const widthOf = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width + 3, 1);

/** A table with a header line, as wide as the screen at the most; where even that is too narrow, each row as a list. */
export function tableOf(columns: readonly Column[], rows: readonly (readonly Cell[])[], screen: Screen): string {
  const limit = screen.columns ?? Number.POSITIVE_INFINITY;
  const texts = columns.map((column, at) => [nameOf(column), ...rows.map((row) => textOf(row[at] ?? ''))]);
  const least = texts.map((column) => Math.min(longestOf(column.flatMap(wordsOf)), screen.columns === undefined ? Number.POSITIVE_INFINITY : WHOLE_WORD));
  const kept = columns.map((_, at) => at);
  const fits = (): boolean => widthOf(kept.map((at) => least[at] ?? 0)) <= limit;
  while (!fits()) {
    const goes = kept.findLast((at) => typeof columns[at] !== 'string');
    if (goes === undefined) return rows.map((row) => listOf(columns.map((column, at) => [nameOf(column), row[at]] as const), screen)).join('\n\n');
    kept.splice(kept.indexOf(goes), 1);
  }
  const widths = spread(kept.map((at) => ({ least: least[at] ?? 0, wanted: Math.max(least[at] ?? 0, Math.min(WRAP_AT, longestOf((texts[at] ?? []).flatMap((text) => text.split('\n'))))) })), limit);
  const drawn = (cell: Cell, column: number): string => {
    const lines = wrapped(textOf(cell), widths[column] ?? WRAP_AT);
    return lines.map((line) => (typeof cell === 'string' ? line : screen.paint(cell.tone, line))).join('\n');
  };
  const table = new Table({ head: kept.map((at) => screen.paint('strong', texts[at]?.[0] ?? '')), style: { head: [], border: [], compact: true }, colWidths: widths.map((width) => width + 2) });
  table.push(...rows.map((row) => kept.map((at, column) => drawn(row[at] ?? '', column))));
  return table.toString();
}

/** Widths between the least and the wanted ones that together fit: whoever wants more gets an equal share of what is left. */
function spread(columns: readonly { readonly least: number; readonly wanted: number }[], limit: number): number[] {
  const widths = columns.map(({ least }) => least);
  for (let left = limit - widthOf(widths); left > 0; ) {
    const hungry = columns.flatMap(({ wanted }, at) => (wanted > (widths[at] ?? 0) ? [at] : []));
    if (hungry.length === 0) break;
    for (const at of hungry) {
      const more = Math.min((columns[at]?.wanted ?? 0) - (widths[at] ?? 0), Math.max(1, Math.floor(left / hungry.length)), left);
      widths[at] = (widths[at] ?? 0) + more;
      left -= more;
    }
  }
  return widths;
}

/** A text in lines of a width, broken between words where that can be. */
function wrapped(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of wordsOf(paragraph)) {
      if (line !== '' && line.length + 1 + word.length <= width) {
        line = `${line} ${word}`;
        continue;
      }
      if (line !== '') lines.push(line);
      const parts = word.match(new RegExp(`.{1,${Math.max(1, width)}}`, 'gsu')) ?? [''];
      lines.push(...parts.slice(0, -1));
      line = parts.at(-1) ?? '';
    }
    return [...lines, line];
  });
}

/** Names and values, one a line; those without a value are left out. */
export function listOf(pairs: readonly (readonly [name: string, value: Cell | null | undefined])[], screen: Pick<Screen, 'paint'>): string {
  const present = pairs.filter((pair): pair is readonly [string, Cell] => pair[1] !== null && pair[1] !== undefined && textOf(pair[1]) !== '');
  const width = Math.max(...present.map(([name]) => name.length));
  return present.map(([name, value]) => `${screen.paint('strong', name.padEnd(width))}  ${typeof value === 'string' ? textOf(value) : screen.paint(value.tone, textOf(value))}`).join('\n');
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
