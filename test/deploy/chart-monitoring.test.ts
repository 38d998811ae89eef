import { beforeAll, describe, expect, test } from 'vitest';
import { readDashboard, rulesFiles, rulesOf, type Rule } from '../support/alert-rules.js';
import { componentOf, envOf, EXPORTER, faultsOf, ofKind, openChart, podsOf, valuesOf, type Chart } from '../support/chart.js';

let render: Chart['render'];
beforeAll(async () => {
  ({ render } = await openChart());
}, 900_000);

describe('the monitoring of the chart', () => {
  test('brings monitoring only where it is asked for', async () => {
    const kinds = (await render(valuesOf('small'))).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(kinds.filter((name) => /PodMonitor|PrometheusRule|dashboard|exporter/.test(name))).toEqual([]);
  });

  test('brings the rules as they are kept and tested, with links to where the runbook is read, and none for a role that does not run', async () => {
    const groupsOf = async (args: readonly string[]) => (ofKind(await render([...valuesOf('large'), ...args]), 'PrometheusRule')[0]?.spec as { groups: { name: string; rules: Rule[] }[] }).groups;
    const rendered = (await groupsOf(['--set', 'monitoring.prometheusRule.runbookUrl=docs/operations.md'])).flatMap(({ rules }) => rules);
    expect(rendered).toEqual(rulesFiles.flatMap(rulesOf));
    const linked = (await groupsOf([])).flatMap(({ rules }) => rules).flatMap(({ annotations }) => annotations?.['runbook_url'] ?? []);
    expect(linked.length).toBeGreaterThan(20);
    expect(linked.filter((link) => !/^https:\/\/git\.example\/.*\/docs\/operations\.md#[a-z]+$/.test(link))).toEqual([]);
    const without = (await groupsOf(['--set', 'roles.nova.enabled=false'])).flatMap(({ rules }) => rules);
    expect(without.filter(({ labels }) => labels?.['role'] === 'nova')).toEqual([]);
    expect(without).toHaveLength(rendered.length - 1);
  });

  test('brings the dashboard as it is kept, where Grafana’s sidecar finds it', async () => {
    const [map] = ofKind(await render(valuesOf('large')), 'ConfigMap').filter(({ metadata }) => metadata.name.endsWith('-dashboard'));
    expect(map?.metadata.labels['grafana_dashboard']).toBe('1');
    expect(JSON.parse(map?.data?.['expunge.json'] ?? '')).toEqual(readDashboard());
  });

  test('has every pod with metrics scraped, on a port that it has', async () => {
    const manifests = await render(valuesOf('large'));
    const { podMetricsEndpoints, selector } = ofKind(manifests, 'PodMonitor')[0]?.spec as { podMetricsEndpoints: { port: string }[]; selector: { matchLabels: object; matchExpressions: { values: string[] }[] } };
    expect(podMetricsEndpoints.map(({ port }) => port)).toEqual(['health', 'lag']);
    expect(selector.matchExpressions[0]?.values.sort()).toEqual(ofKind(manifests, 'Job').map(componentOf).sort());
    for (const { pod } of podsOf(ofKind(manifests, 'Deployment'))) expect(pod.containers[0].ports?.map(({ name }) => name)).toEqual(expect.arrayContaining([expect.stringMatching(/^(health|lag)$/)]));
  });

  test('asks Kafka for the lag as the roles ask it, with the password from its Secret', async () => {
    const manifests = await render(valuesOf('large'));
    const [map] = ofKind(manifests, 'ConfigMap').filter(({ metadata }) => metadata.name.endsWith('-lag-exporter'));
    const text = map?.data?.['application.conf'] ?? '';
    for (const line of ['security.protocol = "SASL_SSL"', 'sasl.mechanism = "SCRAM-SHA-512"', 'ssl.truststore.location = "/etc/expunge/kafka/ca.crt"', 'group-whitelist = ["^expunge-.+$"]', '${KAFKA_SASL_PASSWORD}']) expect(text).toContain(line);
    const [exporter] = podsOf(ofKind(manifests, 'Deployment')).filter(({ manifest }) => componentOf(manifest) === EXPORTER);
    expect(envOf(exporter!.pod)).toEqual({ KAFKA_SASL_USERNAME: 'expunge', KAFKA_SASL_PASSWORD: 'secret expunge/kafka-password' });
    expect(exporter!.pod.containers[0].volumeMounts.map(({ mountPath }) => mountPath)).toEqual(expect.arrayContaining(['/opt/docker/conf', '/etc/expunge/kafka']));
    const plain = await render(['--set', 'roles.api.enabled=false,lagExporter.enabled=true,config.KAFKA_BROKERS=k:9092']);
    expect(plain.flatMap(faultsOf)).toEqual([]);
    expect(JSON.stringify(plain)).toContain('security.protocol = \\"PLAINTEXT\\"');
  });
});
