import { parse as parseCsv } from 'csv-parse/sync';
import { z } from 'zod';
import { decodeJsonObject, incomingId, isoTime, MessageFault } from '../contracts/topics/index.js';
import { nearest } from '../platform/did-you-mean.rules.js';
import { elementsOf } from './json-lines.rules.js';

/** One service of the list. */
export interface ListedService {
  readonly tenantId: string;
  readonly serviceType: string;
  readonly serviceInstanceId: string;
  readonly dependsOn: readonly string[];
  /** When it was so, by the clock of whoever keeps the list; undefined when the list does not say. */
  readonly timestamp?: string | undefined;
}

/** Something wrong in the list; `line` counts from 1. */
export interface ListFault {
  readonly line: number;
  readonly text: string;
}

export interface ServiceList {
  readonly services: readonly ListedService[];
  readonly faults: readonly ListFault[];
}

const COLUMNS = ['tenantId', 'serviceType', 'serviceInstanceId', 'dependsOn', 'timestamp'] as const;
const REQUIRED = COLUMNS.filter((column) => column !== 'timestamp');

/** Closed: a misspelt `dependsOn` would otherwise let a database go while its apps run. */
const listed = z.strictObject({
  tenantId: incomingId,
  serviceType: incomingId,
  serviceInstanceId: incomingId,
  dependsOn: z.array(incomingId, { error: 'must be a list of instance ids, [] for none' }).max(1000, 'must hold at most 1000 instance ids'),
  timestamp: isoTime.optional(),
});

interface Entry {
  readonly line: number;
  readonly value: Record<string, unknown>;
}

/**
 * Reads a list of services: a JSON array, JSON objects one a line, or CSV with a header line (`dependsOn` with `;` between).
 * Everything that is wrong is told, with its line.
 */
export function readServiceList(text: string): ServiceList {
  const clean = text.replace(/^\uFEFF/, '');
  const faults: ListFault[] = [];
  const entries = /^\s*[[{]/.test(clean) ? jsonEntries(clean, faults) : csvEntries(clean, faults);
  const services: ListedService[] = [];
  const seenOn = new Map<string, number>();
  for (const { line, value } of entries) {
    const parsed = listed.safeParse(value);
    if (!parsed.success) {
      faults.push(...parsed.error.issues.map((issue) => ({ line, text: textOf(issue, value) })));
      continue;
    }
    const { tenantId, serviceInstanceId, dependsOn } = parsed.data;
    const name = `${tenantId}/${serviceInstanceId}`;
    const before = seenOn.get(name);
    if (before !== undefined) faults.push({ line, text: `lists ${name} again; line ${before} has it already` });
    seenOn.set(name, before ?? line);
    if (dependsOn.includes(serviceInstanceId)) faults.push({ line, text: `${name} depends on itself: it could never be deleted` });
    services.push({ ...parsed.data, dependsOn: [...new Set(dependsOn)] });
  }
  if (entries.length === 0 && faults.length === 0) faults.push({ line: 1, text: 'no service is listed' });
  return { services, faults: faults.sort((a, b) => a.line - b.line) };
}

function textOf(issue: z.core.$ZodIssue, value: Record<string, unknown>): string {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const meant = nearest(key, COLUMNS);
      return `unknown field "${key}": ${meant ? `did you mean ${meant}?` : `known are ${COLUMNS.join(', ')}`}`;
    }).join('; ');
  }
  const field = String(issue.path[0]);
  if (value[field] === undefined) return `${field} is missing: it ${issue.message}`;
  return `${issue.path.join('.')} ${issue.message} (found ${JSON.stringify(value[field]).slice(0, 80)})`;
}

function jsonEntries(text: string, faults: ListFault[]): Entry[] {
  const { elements, fault } = elementsOf(text);
  if (fault) faults.push(fault);
  return elements.flatMap(({ line, text: element }) => {
    try {
      return [{ line, value: decodeJsonObject(Buffer.from(element)) }];
    } catch (error) {
      if (!(error instanceof MessageFault)) throw error;
      faults.push({ line, text: error.message });
      return [];
    }
  });
}

function csvEntries(text: string, faults: ListFault[]): Entry[] {
  let rows: { record: string[]; info: { lines: number } }[];
  try {
    rows = parseCsv(text, { info: true, skip_empty_lines: true, trim: true, relax_column_count: true }) as unknown as typeof rows;
  } catch (error) {
    const { lines = 1, message } = error as Error & { lines?: number };
    faults.push({ line: lines, text: `is not CSV: ${message}` });
    return [];
  }
  const [header, ...body] = rows;
  const columns = header?.record ?? [];
  const missing = REQUIRED.filter((column) => !columns.includes(column));
  if (header && missing.length > 0) {
    faults.push({ line: header.info.lines, text: `the header line lacks ${missing.join(', ')} (found ${columns.join(',').slice(0, 80)}): begin with ${COLUMNS.join(',')}` });
    return [];
  }
  return body.flatMap(({ record, info: { lines: line } }) => {
    if (record.length !== columns.length) {
      faults.push({ line, text: `has ${record.length} fields where the header has ${columns.length}` });
      return [];
    }
    const cells = columns.map((column, i) => [column, record[i] ?? ''] as const);
    return [{ line, value: Object.fromEntries(cells.flatMap(([column, cell]): [string, unknown][] => {
      if (column === 'dependsOn') return [[column, cell.split(/[;\s]+/).filter((id) => id !== '')]];
      return column === 'timestamp' && cell === '' ? [] : [[column, cell]];
    })) }];
  });
}
