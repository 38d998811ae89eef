import type { Contestant, Split } from '../contestants.js';
import type { Kind } from '../load/requests.js';
import type { SectionReport } from '../report/report.js';
import type { Rig, RigAirflow } from '../rig.js';
import { runApi } from './api.js';
import { runBulkhead } from './bulkhead.js';
import { costReport } from './cost-report.js';
import { runCost } from './cost.js';
import { runIngress } from './ingress.js';
import { novaReport } from './nova-report.js';
import { runNova } from './nova.js';
import { pipelineReport } from './pipeline-report.js';
import { runPipeline } from './pipeline.js';
import { scaleReport } from './scale-report.js';
import { runScale, type ScalePart } from './scale.js';

export const SECTIONS = ['pipeline', 'cost', 'ingress', 'nova', 'bulkhead', 'scale', 'api'] as const;
export type Section = (typeof SECTIONS)[number];

/** What a person chose; what is left open has a value for --quick and one for a full run. */
export interface SectionOptions {
  readonly quick: boolean;
  readonly repetitions?: number;
  /** Of the section nova, records in place of deletions. */
  readonly burst?: number;
  /** Length of the steady load. */
  readonly seconds?: number;
  readonly kinds: readonly Kind[];
  readonly contestants: readonly Contestant[];
  readonly processes: Split;
  readonly scale: readonly ScalePart[];
  readonly realAirflow: boolean;
  /** Configuration of the roles, NAME=value. */
  readonly set: readonly string[];
  readonly cpuProfiles?: string;
}

/** The Airflow that a section runs beside. */
export const airflowFor = (section: Section, { realAirflow }: Pick<SectionOptions, 'realAirflow'>): RigAirflow => (section !== 'bulkhead' ? 'stand-in' : realAirflow ? 'real' : 'simulated');

/** Whether a section asks PostgreSQL when rows were committed. */
export const needsCommitTimes = (section: Section): boolean => section === 'nova';

/** Runs one section of the bench. */
export async function runSection(rig: Rig, section: Section, options: SectionOptions): Promise<SectionReport> {
  const { quick, kinds, contestants, processes: split, cpuProfiles: profileDir } = options;
  const env = Object.fromEntries(options.set.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
  const sized = (chosen: number | undefined, forQuick: number, forFull: number): number => chosen ?? (quick ? forQuick : forFull);
  const repetitions = sized(options.repetitions, 1, 3);
  switch (section) {
    case 'pipeline': {
      const chosen = { repetitions, burst: sized(options.burst, 300, 2_000), steadySeconds: sized(options.seconds, 20, 60), steadyPerSecond: 5, warmUp: quick ? 300 : 2_000, kinds, contestants, split, env, profileDir };
      return pipelineReport(await runPipeline(rig, chosen), chosen, rig.setting.cores);
    }
    case 'cost': {
      const chosen = { kinds, contestants, burst: sized(options.burst, 300, 1_000), steadySeconds: sized(options.seconds, 10, 30), crashBurst: 300, warmUp: quick ? 50 : 200, env };
      return costReport(await runCost(rig, chosen), chosen);
    }
    case 'ingress':
      return runIngress(rig, { repetitions, requests: quick ? 1_000 : 2_000, repeats: 20, env, profileDir });
    case 'nova': {
      const chosen = { repetitions, records: options.burst ?? 10_000, bytes: 1_000, perSecond: 1_000, warmUp: 10_000, env, profileDir };
      return novaReport(await runNova(rig, chosen), chosen);
    }
    case 'bulkhead':
      return options.realAirflow
        ? runBulkhead(rig, { airflow: 'real', repetitions: 1, emails: 10, emailsPerSecond: 1 / 8, hadoops: 4, hadoopMs: 90_000, env })
        : runBulkhead(rig, { airflow: 'simulated', repetitions, emails: quick ? 100 : 200, emailsPerSecond: 5, hadoops: 60, hadoopMs: 8_000, env });
    case 'scale': {
      const chosen = {
        parts: options.scale, repetitions, burst: sized(options.burst, 300, 1_000), warmUp: quick ? 300 : 1_000, tenantSizes: [1, quick ? 300 : 1_000],
        live: quick ? [1, 1_000] : [1, 1_000, 20_000], pastDeletions: quick ? 100_000 : 1_000_000, parked: quick ? 500 : 2_000, env,
      };
      return scaleReport(await runScale(rig, chosen), chosen);
    }
    case 'api': // after scale: both fill the ledger with the same past
      return runApi(rig, { rows: quick ? 100_000 : 1_000_000, calls: quick ? 300 : 1_000, env });
  }
}
