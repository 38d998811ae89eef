import Table from 'cli-table3';
import type { Outcome } from './play.js';

const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : (ms / 1_000).toFixed(1));

/** The outcomes as a table for people. */
export function outcomeTable(outcomes: readonly Outcome[]): string {
  const table = new Table({ head: ['scenario', 'seed', 'deletions', 'injected', 'recovered in s', 'verdict'], colWidths: [34, 12, 11, 64, 10, 9], wordWrap: true, style: { head: [], border: [] } });
  table.push(...outcomes.map(({ scenario, seed, deletions, injected, recoveredMs, verdict }) => [scenario, seed, deletions, injected, seconds(recoveredMs), verdict]));
  return table.toString();
}

/** The same of one, as a line. */
export const outcomeLine = ({ scenario, seed, deletions, injected, recoveredMs, verdict }: Outcome): string =>
  `${scenario}: ${verdict}, ${deletions} deletions, all done ${seconds(recoveredMs)} s after the fault; ${injected} (CHAOS_SEED=${seed})`;
