import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Scenario } from './scenario.js';

/** Where the fault matrix is for people. */
export const RELIABILITY_DOC = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));
const [BEGIN, END] = ['<!-- faults -->', '<!-- /faults -->'];

/** What happens, what the user sees of it, what is promised, and the scenario that shows it. */
export function faultMatrix(scenarios: readonly Scenario[]): string {
  const rows = scenarios.map(({ fault, userSees, promised, name }) => `| ${[fault, userSees, promised, name].join(' | ')} |`);
  return ['| fault | what the user sees | what is promised | shown by |', '|---|---|---|---|', ...rows].join('\n');
}

/** The document with the matrix as the scenarios have it. @throws Error when it has no place for one */
export async function withMatrix(scenarios: readonly Scenario[]): Promise<{ readonly is: string; readonly shouldBe: string }> {
  const is = await readFile(RELIABILITY_DOC, 'utf8');
  const [before, rest] = is.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/reliability.md has no ${BEGIN} … ${END}.`);
  return { is, shouldBe: `${before}${BEGIN}\n${faultMatrix(scenarios)}\n${END}${after}` };
}

/** Writes the matrix into the document. */
export async function writeMatrix(scenarios: readonly Scenario[]): Promise<void> {
  await writeFile(RELIABILITY_DOC, (await withMatrix(scenarios)).shouldBe);
}
