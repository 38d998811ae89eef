import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/** A rule of a rules file of Prometheus. */
export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Where the rules are. */
export const rulesFolder = fileURLToPath(new URL('../../deploy/prometheus/', import.meta.url));
/** The rules files, and the files of their tests. */
export const rulesFiles = readdirSync(rulesFolder).filter((file) => file.endsWith('.rules.yml'));
export const ruleTestFiles = readdirSync(rulesFolder).filter((file) => file.endsWith('.rules.test.yml'));

export const readRulesFile = (file: string): unknown => parse(readFileSync(`${rulesFolder}${file}`, 'utf8'));
export const rulesOf = (file: string): readonly Rule[] => (readRulesFile(file) as { groups: readonly { rules: readonly Rule[] }[] }).groups.flatMap(({ rules }) => rules);

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string; readonly datasource?: { readonly uid: string } }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly id: number;
}
/** The dashboard for Grafana, as it is imported. */
export interface Dashboard {
  readonly title: string;
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}
export const readDashboard = (): Dashboard => JSON.parse(readFileSync(new URL('../../deploy/grafana/expunge.json', import.meta.url), 'utf8')) as Dashboard;

/** The queries of the dashboard, with Grafana's own interval put in. */
export const dashboardQueries = (dashboard: Dashboard): { readonly panel: string; readonly query: string }[] =>
  dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ panel: title, query: expr.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '1h') })));
