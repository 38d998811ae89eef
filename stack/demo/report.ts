import Table from 'cli-table3';
import { printable, shownSpan } from '../../client/table.rules.js';
import { ownerOf } from './bus.js';
import type { Paint } from './colours.js';
import type { Script } from './cases.js';
import type { Expectation, Seen } from './expectations.rules.js';
import { fitted } from './table.rules.js';

/** Where a person can look further. */
export interface Places {
  readonly webUi: string | undefined;
  /** Only of a real Airflow: the simulator has no pages. */
  readonly airflowUi: string | undefined;
}

const WIDTH = 112;
/** Without the lines between rows. */
const COMPACT = { style: { head: [], border: [] }, chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' } };

/** All that came of the demo, for a person: what became of each, the data before and now, what came out, and the verdict. */
export function renderReport(script: Script, seen: Seen, expectations: readonly Expectation[], places: Places, paint: Paint): string {
  const heading = (text: string): string => paint('strong', `\n${text}`);
  return [
    heading('What became of each'),
    outcomes(script, expectations, paint),
    heading('Rows and files, before and now'),
    dataTable(script, seen, expectations, paint),
    heading('What came out on tenant.lifecycle.events'),
    ...seen.messages.lifecycle.map(({ tenantId, eventType, gdprMode }) => `  ${tenantId.padEnd(25)} ${eventType}${gdprMode ? ' (gdprMode)' : ''}`),
    heading('What came out on notifications.send'),
    ...seen.messages.notifications.map((one) => printable(`  ${ownerOf(one).padEnd(25)} ${one.status.padEnd(10)} ${one.message}`)),
    heading('What is in the dead-letter topics'),
    ...seen.messages.deadLetters.flatMap(({ topic, code, reason, value }) => [printable(`  ${topic}  ${code}: ${reason}`), paint('quiet', printable(`    ${fitted(value.toString('utf8'), 100)}`))]),
    heading('Each run in the Web UI'),
    links(script, seen, places),
    '',
    verdict(expectations, paint),
  ].join('\n');
}

const mark = (holds: boolean, paint: Paint): string => (holds ? paint('good', '✓') : paint('bad', '✗'));

function outcomes({ cases }: Script, expectations: readonly Expectation[], paint: Paint): string {
  const titles = new Map(cases.map(({ title, owner }) => [title, `${title.trim()}: ${owner}`]));
  const inData = new Set(dataOwners(expectations, titles));
  const abouts = [...new Set(expectations.map(({ about }) => about))].filter((about) => !inData.has(about));
  return abouts.map((about) => {
    const own = expectations.filter((one) => one.about === about);
    const items = own.map(({ holds, text, found }): Item => ({ mark: mark(holds, paint), text: holds ? text : `${text} (found: ${printable(found)})` }));
    return [`  ${mark(own.every(({ holds }) => holds), paint)} ${paint('strong', titles.get(about) ?? about)}`, ...flowed(items)].join('\n');
  }).join('\n');
}

interface Item {
  readonly mark: string;
  readonly text: string;
}

/** Puts as many items in a line as fit. */
function flowed(items: readonly Item[]): string[] {
  const lines: { text: string; width: number }[] = [];
  for (const { mark: sign, text } of items) {
    const line = lines.at(-1);
    const width = text.length + 4;
    if (line && line.width + width <= WIDTH) {
      line.text += `  ${sign} ${text}`;
      line.width += width;
    } else lines.push({ text: `    ${sign} ${text}`, width: width + 2 });
  }
  return lines.map(({ text }) => text);
}

/** Owners that are told of in the data table only: those that were to lose nothing. */
const dataOwners = (expectations: readonly Expectation[], titles: ReadonlyMap<string, string>): string[] =>
  expectations.filter(({ about, text }) => !titles.has(about) && text.startsWith('still has')).map(({ about }) => about);

function dataTable({ cases }: Script, { before, after }: Seen, expectations: readonly Expectation[], paint: Paint): string {
  const table = new Table({ ...COMPACT, head: ['', 'whose data', 'rows before', 'rows now', 'files before', 'files now', 'was to be'], colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'left'] });
  const erased = new Map(cases.map(({ owner, title }) => [owner, title]));
  const owners = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => Number(erased.has(b)) - Number(erased.has(a)) || a.localeCompare(b));
  for (const owner of owners) {
    const [was, is] = [before.get(owner), after.get(owner)];
    const title = erased.get(owner);
    const holds = title === undefined ? expectations.some((one) => one.about === owner && one.holds) : (is?.rows ?? 0) + (is?.files ?? 0) === 0;
    table.push([mark(holds, paint), owner, was?.rows ?? 0, is?.rows ?? 0, was?.files ?? 0, is?.files ?? 0, title === undefined ? 'left alone' : 'erased']);
  }
  return table.toString();
}

function links({ cases }: Script, { deletions }: Seen, { webUi, airflowUi }: Places): string {
  if (webUi === undefined) return '  TEMPORAL_UI_URL is not set: there is no Web UI to link to.';
  return cases.flatMap((one) => {
    const deletion = one.kind === 'deletion' ? deletions.get(one.requestId) : undefined;
    if (deletion === undefined) return [];
    const took = deletion.timeline.duration_ms === null ? deletion.status : shownSpan(deletion.timeline.duration_ms);
    const runs = airflowUi === undefined ? [] : deletion.attempts.map(({ dagId, jobId }) => `    ${airflowUi}/dags/${dagId}/runs/${encodeURIComponent(jobId)}`);
    return [`  ${one.owner.padEnd(25)} ${took}`, `    ${deletion.links.temporal ?? deletion.workflowId}`, ...runs];
  }).join('\n');
}

function verdict(expectations: readonly Expectation[], paint: Paint): string {
  const failed = expectations.filter(({ holds }) => !holds);
  if (failed.length === 0) return paint('good', `✓ All ${expectations.length} expectations held.`);
  return [paint('bad', `✗ ${failed.length} of ${expectations.length} expectations did not hold:`), ...failed.map(({ about, text, found }) => `  ${about.trim()}: ${text} (found: ${printable(found)})`)].join('\n');
}
