import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { runCommand } from '../../stack/fetch/commands.js';

// Saves what test/deploy checks the chart's output against: the schemas of the kinds that it makes, out of Kubernetes' own
// OpenAPI document and the definitions of KEDA and of the Prometheus Operator, all Apache-2.0. To be run for another version of either, or another kind:
// node --import tsx test/support/save-kubernetes-schemas.ts

const KUBERNETES = { module: 'k8s.io/kubernetes', version: 'v1.33.4' };
const KEDA = { module: 'github.com/kedacore/keda/v2', version: 'v2.17.2' };
const PROMETHEUS_OPERATOR = { module: 'github.com/prometheus-operator/prometheus-operator', version: 'v0.85.0' };
const KINDS = ['apps.v1.Deployment', 'batch.v1.Job', 'networking.v1.NetworkPolicy', 'networking.v1.Ingress', 'policy.v1.PodDisruptionBudget', 'core.v1.Service', 'core.v1.ServiceAccount', 'core.v1.ConfigMap', 'autoscaling.v2.HorizontalPodAutoscaler'];

type Schema = Record<string, unknown>;

/** Without what no validator looks at, and strict: a field that is not known is a fault, as with `kubectl --validate=strict`. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { description: _, format, 'x-kubernetes-int-or-string': intOrString, ...rest }: Schema = schema as Schema;
  if (format === 'int-or-string' || intOrString === true) return { type: ['string', 'integer'] };
  // Go's way to say that letters of both cases are meant.
  if (typeof rest['pattern'] === 'string' && rest['pattern'].includes('(?i)')) rest['pattern'] = rest['pattern'].replace('(?i)', '').replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
  const kept = Object.entries(rest).filter(([name]) => !name.startsWith('x-kubernetes-'));
  const inner = Object.fromEntries(kept.map(([name, value]) => [name, name === 'properties' ? Object.fromEntries(Object.entries(value as Schema).map(([field, of]) => [field, strict(of)])) : strict(value)]));
  return 'properties' in inner && !('additionalProperties' in inner) ? { ...inner, additionalProperties: false } : inner;
}

const refsIn = (value: unknown): string[] =>
  [...JSON.stringify(value).matchAll(/"#\/definitions\/([^"]+)"/g)].map(([, name]) => name ?? '');

async function moduleFolder({ module, version }: { module: string; version: string }): Promise<string> {
  const out = await runCommand('go', ['mod', 'download', '-json', `${module}@${version}`], { env: process.env, cwd: '/' });
  return (JSON.parse(out.slice(out.indexOf('{'))) as { Dir: string }).Dir;
}

async function kubernetes(): Promise<Schema> {
  const { definitions } = JSON.parse(await readFile(join(await moduleFolder(KUBERNETES), 'api/openapi-spec/swagger.json'), 'utf8')) as { definitions: Record<string, Schema> };
  const wanted = KINDS.map((kind) => `io.k8s.api.${kind}`);
  const kept: Record<string, unknown> = {};
  for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
    if (name in kept) continue;
    // A quantity may be written as a number.
    kept[name] = name.endsWith('.Quantity') ? { type: ['string', 'number'] } : strict(definitions[name]);
    wanted.push(...refsIn(kept[name]));
  }
  const kinds = Object.fromEntries(KINDS.map((kind) => {
    const [group, version] = (definitions[`io.k8s.api.${kind}`]?.['x-kubernetes-group-version-kind'] as { group: string; version: string }[]).map((of) => [of.group, of.version])[0] ?? [];
    return [`${group === '' ? '' : `${group ?? ''}/`}${version ?? ''} ${kind.split('.').at(-1) ?? ''}`, { $ref: `#/definitions/io.k8s.api.${kind}` }];
  }));
  return { kinds, definitions: Object.fromEntries(Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/** The schema of a kind that is no part of Kubernetes, from its own definition. */
async function custom(from: { module: string; version: string }, file: string): Promise<Schema> {
  const text = await readFile(join(await moduleFolder(from), file), 'utf8');
  const { spec } = parse(text) as { spec: { group: string; names: { kind: string }; versions: { name: string; schema: { openAPIV3Schema: Schema } }[] } };
  const [version] = spec.versions;
  const schema = strict(version?.schema.openAPIV3Schema) as Schema;
  // Of metadata a definition says only that it is an object.
  (schema['properties'] as Schema)['metadata'] = { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' };
  return { [`${spec.group}/${version?.name ?? ''} ${spec.names.kind}`]: schema };
}

const { kinds, definitions } = await kubernetes();
const file = fileURLToPath(new URL('./schemas/kubernetes.json', import.meta.url));
const made = { source: [KUBERNETES, KEDA, PROMETHEUS_OPERATOR].map(({ module, version }) => `${module} ${version}, Apache-2.0`), kinds: {
  ...(kinds as Schema),
  ...(await custom(KEDA, 'config/crd/bases/keda.sh_scaledobjects.yaml')),
  ...(await custom(PROMETHEUS_OPERATOR, 'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml')),
  ...(await custom(PROMETHEUS_OPERATOR, 'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml')),
}, definitions };
await writeFile(file, `${JSON.stringify(made)}\n`);
console.log(`${file}: ${Object.keys(made.kinds).length} kinds, ${Object.keys(definitions as Schema).length} definitions`);
