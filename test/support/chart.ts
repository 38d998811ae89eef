import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { defaultCacheDir } from '../../stack/fetch/cache.js';
import { runCommand } from '../../stack/fetch/commands.js';
import { findHelm } from '../../stack/fetch/helm.js';

export const chart = fileURLToPath(new URL('../../deploy/helm/expunge', import.meta.url));
/** Counts beside the roles, and is none of them. */
export const EXPORTER = 'lag-exporter';

interface Env {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}
interface Container {
  readonly args: readonly string[];
  readonly env?: readonly Env[];
  readonly ports?: readonly { readonly name: string }[];
  readonly securityContext: Record<string, unknown>;
  readonly livenessProbe?: { readonly httpGet: { readonly path: string } };
  readonly readinessProbe?: { readonly httpGet: { readonly path: string } };
  readonly resources: { readonly requests?: object; readonly limits?: object };
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}
export interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: Record<string, unknown>;
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly [Container];
}
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  /** What it says depends on its kind; the schemas check it. */
  readonly spec: unknown;
  /** Of a ConfigMap. */
  readonly data?: Readonly<Record<string, string>>;
}

/** The chart, to be rendered and checked by Helm. */
export interface Chart {
  readonly helm: (...args: string[]) => Promise<string>;
  /** What the chart makes of values. @throws Error with Helm's words */
  readonly render: (args: readonly string[], kubernetes?: string) => Promise<Manifest[]>;
}

/** Finds Helm, or builds it, which takes some minutes. */
export async function openChart(): Promise<Chart> {
  const { command } = await findHelm({ cacheDir: defaultCacheDir(process.env), environment: process.env, signal: new AbortController().signal, onFetching: () => console.log('building Helm with Go (once, some minutes)') });
  const helm = (...args: string[]): Promise<string> => runCommand(command, args, { env: process.env });
  return {
    helm,
    render: async (args, kubernetes = '1.33.0') => {
      const text = await helm('template', 'test', chart, '--namespace', 'deletions', '--kube-version', kubernetes, ...args);
      return parseAllDocuments(text).map((document) => document.toJS() as Manifest | null).filter((manifest) => manifest !== null);
    },
  };
}

const schemas = JSON.parse(readFileSync(new URL('./schemas/kubernetes.json', import.meta.url), 'utf8')) as { kinds: Record<string, object>; definitions: object };
const ajv = new Ajv({ strict: false, allErrors: true });
const validators = new Map<string, ValidateFunction>();

/** What is wrong with a manifest by the schema of its kind. */
export function faultsOf(manifest: Manifest): string[] {
  const name = `${manifest.apiVersion} ${manifest.kind}`;
  const schema = schemas.kinds[name];
  if (schema === undefined) return [`no schema of ${name} is kept`];
  const validate = validators.get(name) ?? ajv.compile({ ...schema, definitions: schemas.definitions });
  validators.set(name, validate);
  const read: unknown = manifest;
  return validate(read) ? [] : (validate.errors ?? []).map(({ instancePath, message, params }) => `${name} ${manifest.metadata.name} ${instancePath} ${message ?? ''} ${JSON.stringify(params)}`);
}

export const valuesOf = (size: string): string[] => ['-f', `${chart}/values-${size}.yaml`];
export const ofKind = (manifests: readonly Manifest[], kind: string): Manifest[] => manifests.filter((manifest) => manifest.kind === kind);
export const componentOf = ({ metadata }: Manifest): string => metadata.labels['app.kubernetes.io/component'] ?? '';

export interface Pod {
  readonly manifest: Manifest;
  readonly pod: PodSpec;
}
export const podsOf = (manifests: readonly Manifest[]): Pod[] =>
  manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'Job').map((manifest) => ({ manifest, pod: (manifest.spec as { template: { spec: PodSpec } }).template.spec }));
/** The Deployments of the roles. */
export const rolesOf = (manifests: readonly Manifest[]): Pod[] => podsOf(ofKind(manifests, 'Deployment')).filter(({ manifest }) => componentOf(manifest) !== EXPORTER);
export const envOf = ({ containers: [{ env = [] }] }: PodSpec): Record<string, string> =>
  Object.fromEntries(env.map(({ name, value, valueFrom }) => [name, value ?? `secret ${valueFrom?.secretKeyRef.name ?? ''}/${valueFrom?.secretKeyRef.key ?? ''}`]));
