import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { READ_TOPICS } from '../../bus/topics.js';
import { consumerGroup, taskQueueFor } from '../../contracts/names/index.js';
import { VARIABLES } from '../../platform/config-variables.js';
import { loadConfig } from '../../platform/config.js';
import { ROLES, type Role } from '../../platform/roles.js';
import { chart, componentOf, envOf, EXPORTER, faultsOf, ofKind, openChart, podsOf, rolesOf, valuesOf, type Chart, type Manifest } from '../support/chart.js';

/** The oldest that the chart says it runs on, and the one whose schemas are kept. */
const KUBERNETES_VERSIONS = ['1.27.0', '1.33.0'];
const SIZES = ['small', 'large'] as const;

let helm: Chart['helm'];
let render: Chart['render'];
beforeAll(async () => {
  ({ helm, render } = await openChart());
}, 900_000);

describe.each(SIZES)('the chart with values-%s.yaml', (size) => {
  test('passes the linter', async () => {
    expect(await helm('lint', '--strict', '--kube-version', '1.33.0', chart, ...valuesOf(size))).toContain('0 chart(s) failed');
  });

  test.each(KUBERNETES_VERSIONS)('makes what the schemas of Kubernetes allow, for %s', async (version) => {
    const manifests = await render(valuesOf(size), version);
    expect(manifests.length).toBeGreaterThan(20);
    expect(manifests.flatMap(faultsOf)).toEqual([]);
  });

  test('has no two of a name, and every reference leads somewhere', async () => {
    const manifests = await render(valuesOf(size));
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { spec } of [...ofKind(manifests, 'HorizontalPodAutoscaler'), ...ofKind(manifests, 'ScaledObject')]) expect(names).toContain(`Deployment ${(spec as { scaleTargetRef: { name: string } }).scaleTargetRef.name}`);
    for (const { pod } of podsOf(manifests).filter(({ manifest }) => manifest.kind === 'Deployment')) expect(names).toContain(`ServiceAccount ${(pod as unknown as { serviceAccountName: string }).serviceAccountName}`);
  });

  test('runs nothing as root, with a writable file system, a token, or a right that it does not need', async () => {
    const pods = podsOf(await render(valuesOf(size)));
    expect(pods.length).toBeGreaterThan(6);
    for (const { pod } of pods) {
      expect(pod).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } });
      const [container] = pod.containers;
      expect(container.securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
      expect(container.resources).toMatchObject({ requests: { cpu: expect.anything() as unknown, memory: expect.anything() as unknown }, limits: { memory: expect.anything() as unknown } });
      expect(container.volumeMounts.map(({ mountPath }) => mountPath)).toContain('/tmp');
    }
  });

  test('runs every role as a Deployment of its own, with probes that the process answers', async () => {
    const deployments = rolesOf(await render(valuesOf(size)));
    expect(deployments.map(({ manifest }) => componentOf(manifest)).sort()).toEqual([...ROLES].sort());
    for (const { manifest, pod } of deployments) {
      const [container] = pod.containers;
      expect(container.args).toEqual(['--roles', componentOf(manifest)]);
      expect([container.livenessProbe?.httpGet.path, container.readinessProbe?.httpGet.path]).toEqual(['/livez', '/readyz']);
    }
  });

  test('gives every role a configuration that it can read, and the API by what it knows its callers', async () => {
    const manifests = await render(valuesOf(size));
    for (const { manifest, pod } of [...rolesOf(manifests), ...podsOf(ofKind(manifests, 'Job'))]) {
      const env = envOf(pod);
      const strangers = Object.keys(env).filter((name) => !(name in VARIABLES) && !name.startsWith('TEMPORAL_') && name !== 'TSX_DISABLE_CACHE');
      expect(strangers).toEqual([]);
      // Files and secrets are the cluster's: put in here what they would hold.
      const here = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.startsWith('/etc/expunge/') ? fileURLToPath(import.meta.url) : value]));
      const filled = { ...here, DATABASE_URL: 'postgresql://u:p@postgres/expunge', SUBJECT_PEPPER: 'sixteen characters', TEMPORAL_TLS: 'false' };
      const roles = manifest.kind === 'Deployment' ? [componentOf(manifest) as Role] : [];
      const config = loadConfig(filled, { roles });
      if (manifest.kind === 'Deployment') expect(config.health).toEqual({ host: '0.0.0.0', port: 8081 });
      if (componentOf(manifest) === 'api') expect(config.api).toMatchObject({ host: '0.0.0.0', auth: { jwks: { url: expect.stringMatching(/^https:/) as unknown } } });
      if (pod.terminationGracePeriodSeconds !== undefined) expect(config.shutdownTimeoutMs).toBeLessThan(pod.terminationGracePeriodSeconds * 1_000);
    }
  });

  test('holds no secret: what is one by the README comes from a Secret', async () => {
    for (const { pod } of podsOf(await render(valuesOf(size)))) {
      const { containers: [{ env }] } = pod;
      for (const { name, value } of env ?? []) expect(value === undefined || !/URL$|PEPPER|PASSWORD|TOKEN|KEY$/.test(name) || /^https?:\/\/[^@]*$/.test(value), name).toBe(true);
    }
  });

  test('lets every pod be evicted, one at a time, and closes the network but for what is named', async () => {
    const manifests = await render(valuesOf(size));
    const deployments = rolesOf(manifests).map(({ manifest }) => componentOf(manifest)).sort();
    expect(ofKind(manifests, 'PodDisruptionBudget').map(componentOf).sort()).toEqual(deployments);
    const policies = ofKind(manifests, 'NetworkPolicy');
    const [all] = policies.filter((policy) => componentOf(policy) === '');
    expect(all?.spec).toMatchObject({ policyTypes: ['Ingress', 'Egress'], ingress: [] });
    expect(policies.map(componentOf).filter((component) => component !== '').sort()).toEqual([...deployments, 'setup', ...(size === 'large' ? ['release', EXPORTER] : [])].sort());
    const ports = (component: string) => (policies.find((policy) => componentOf(policy) === component)?.spec as { egress: { ports: { port: number }[] }[] }).egress.flatMap((rule) => rule.ports.map(({ port }) => port));
    expect(ports('worker')).toEqual([53, 53, 7233, 5432]);
    expect(ports('trigger')).toEqual(expect.arrayContaining([9093, 443]));
    expect(ports('api')).toContain(443);
  });
});

describe('the chart', () => {
  test('prepares everything before the pods of a release, and makes its workers current after', async () => {
    const jobs = ofKind(await render(valuesOf('large')), 'Job');
    expect(jobs.map((job) => [componentOf(job), job.metadata.annotations?.['helm.sh/hook']])).toEqual([['setup', 'pre-install,pre-upgrade'], ['release', 'post-install,post-upgrade,post-rollback']]);
    expect(podsOf(jobs)[0]?.pod.containers[0].args).toEqual(['setup', '--wait', '5m', '--partitions', '24', '--replication-factor', '3']);
    expect(envOf(podsOf(jobs)[1]!.pod)).toMatchObject({ WORKER_DEPLOYMENT: 'expunge', WORKER_BUILD_ID: '0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c' });
  });

  test('scales by the lag of topics that are read, of the group that reads them, and by the backlog of the lanes’ queues', async () => {
    const triggers = ofKind(await render(valuesOf('large')), 'ScaledObject').flatMap((manifest) => (manifest.spec as { triggers: { type: string; metadata: Record<string, string> }[] }).triggers.map((trigger) => ({ role: componentOf(manifest), ...trigger })));
    const byLag = triggers.filter(({ type }) => type === 'kafka');
    const { novaTopics } = loadConfig({}).kafka;
    const novas: readonly string[] = [novaTopics.content, novaTopics.media, novaTopics.identity, novaTopics.message];
    // The events of identities are read by two: one deletes the users, the other keeps count of what exists.
    expect(byLag.map(({ metadata }) => metadata['topic']).sort()).toEqual([...READ_TOPICS, ...novas, novaTopics.identity].sort());
    for (const { role, metadata } of byLag) expect(metadata).toMatchObject({ consumerGroup: consumerGroup(role), sasl: 'scram_sha512', tls: 'enable' });
    expect(triggers.filter(({ type }) => type === 'temporal').map(({ metadata }) => metadata['taskQueue'])).toEqual(['default', 'heavy'].map(taskQueueFor));
  });

  test('takes no number of pods back from an autoscaler', async () => {
    const large = rolesOf(await render(valuesOf('large'))).map(({ manifest }) => manifest);
    expect(large.filter(({ spec }) => (spec as { replicas?: number }).replicas !== undefined)).toEqual([]);
    const small = ofKind(await render(valuesOf('small')), 'Deployment');
    expect(small.filter(({ spec }) => (spec as { replicas?: number }).replicas === undefined)).toEqual([]);
  });

  test.each([
    [['--set', 'roles.relay.autoscaling.type=keda'], 'nothing to measure'],
    [['--set', 'api.ingress.enabled=true', '--set', 'api.ingress.host=h'], 'over TLS only'],
    [['--set', 'secrets.DATABASE_URL.name=x'], 'secrets.DATABASE_URL.key is not set'],
    [['--set', 'roles.worker.autoscaling.type=sometimes'], 'autoscaling'],
    [['--set', 'rolls.worker.replicas=1'], 'rolls'],
    [['--set', 'lagExporter.enabled=true,config.KAFKA_BROKERS=k:9092,config.KAFKA_SASL_MECHANISM=plain,config.KAFKA_SASL_USERNAME=u'], 'neither config.KAFKA_SASL_PASSWORD nor secrets.KAFKA_SASL_PASSWORD is set'],
  ])('says what is wrong with %j', async (args, said) => {
    await expect(render(['--set', 'config.API_JWKS_URL=https://login.example/keys,config.API_JWT_ISSUER=i,config.API_JWT_AUDIENCE=a', ...args])).rejects.toThrow(said);
  });

  test.each([
    [[], 'config.API_JWKS_URL, config.API_JWT_ISSUER, config.API_JWT_AUDIENCE is not set: in a pod the API is open to others'],
    [['--set', 'config.API_JWKS_URL=https://login.example/keys,config.API_JWT_ISSUER=https://login.example'], 'config.API_JWT_AUDIENCE is not set'],
  ])('leaves no API open to whoever comes: %j', async (args, said) => {
    await expect(render(args)).rejects.toThrow(said);
  });

  test('asks for no keys of tokens where no API runs, and takes them from wherever variables come', async () => {
    expect(rolesOf(await render(['--set', 'roles.api.enabled=false'])).map(({ manifest }) => componentOf(manifest))).not.toContain('api');
    const jwks = ['--set', 'config.API_JWT_ISSUER=i,roles.api.env.API_JWKS_FILE=/etc/keys.json,secrets.API_JWT_AUDIENCE.name=s,secrets.API_JWT_AUDIENCE.key=k'];
    expect(rolesOf(await render(jwks))).toHaveLength(ROLES.length);
  });

  test('is of the release that it is kept with', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(parse(readFileSync(`${chart}/Chart.yaml`, 'utf8'))).toMatchObject({ version, appVersion: version });
  });
});

describe('the check of the schemas', () => {
  test('finds a field that is not known, a missing one, and one of another type', async () => {
    const [deployment] = ofKind(await render(valuesOf('small')), 'Deployment');
    const broken = structuredClone(deployment!) as { spec: { replicas: unknown; selector?: unknown; template: { spec: { containers: { readinesProbe?: object }[] } } } };
    broken.spec.replicas = 'two';
    delete broken.spec.selector;
    broken.spec.template.spec.containers[0]!.readinesProbe = {};
    expect(faultsOf(broken as unknown as Manifest)).toEqual(expect.arrayContaining([expect.stringContaining('/spec/replicas must be integer'), expect.stringContaining('"missingProperty":"selector"'), expect.stringContaining('readinesProbe')]));
    const [scaled] = ofKind(await render(valuesOf('large')), 'ScaledObject');
    expect(faultsOf({ ...scaled!, spec: { ...(scaled!.spec as object), minReplicas: 1 } })).toHaveLength(1);
  });
});
