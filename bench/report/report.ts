import Table from 'cli-table3';
import type { Setting } from '../measure/machine.js';

/** A promise that figures keep or do not. */
export interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly found: string;
  readonly met: boolean;
}

export interface ReportTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a section of the bench found. */
export interface SectionReport {
  readonly section: string;
  readonly tables: readonly ReportTable[];
  readonly goals: readonly Goal[];
  /** All that was measured, for programs. */
  readonly data: unknown;
}

/** A number with three significant digits, none of them an exponent. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(3, digits));
}

/** Middle, least and greatest. */
export const spreadText = ({ min, median, max, values }: { readonly min: number; readonly median: number; readonly max: number; readonly values: readonly number[] }): string =>
  values.length === 1 ? shown(median) : `${shown(median)} (${shown(min)} to ${shown(max)})`;

const KEEPS = { disk: 'on disk', memory: 'in memory', unknown: 'of someone else' } as const;

export const settingText = ({ commit, node, temporal, temporalKeeps, kafka, postgres, cores, processor, memoryGiB, loadBefore, startedAt }: Setting): string =>
  `Expunge ${commit}, Node ${node}, Temporal ${temporal} (${KEEPS[temporalKeeps]}), Kafka ${kafka}, PostgreSQL ${postgres}; ${cores} cores (${processor}), ${memoryGiB} GiB; load before ${shown(loadBefore)}; ${startedAt}`;

function tableText({ title, head, rows }: ReportTable): string {
  const table = new Table({ head: [...head], style: { head: [], border: [] } });
  table.push(...rows.map((row) => [...row]));
  return `${title}\n${table.toString()}`;
}

const goalsText = (goals: readonly Goal[]): string =>
  tableText({ title: 'Goals', head: ['', 'what', 'goal', 'found'], rows: goals.map(({ what, goal, found, met }) => [met ? 'met' : 'MISSED', what, goal, found]) });

/** A section for people. */
export const sectionText = ({ section, tables, goals }: SectionReport): string =>
  [`== ${section}`, ...tables.map(tableText), ...(goals.length > 0 ? [goalsText(goals)] : [])].join('\n\n');
