import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { engineRuns } from '../../stack/compose.js';
import { AIRFLOW_VERSION, airflowPart } from '../../stack/airflow.js';
import { runCommand, succeeds } from '../../stack/fetch/commands.js';
import { KAFKA_VERSION, kafka } from '../../stack/kafka.js';
import { postgres } from '../../stack/postgres.js';
import { temporal } from '../../stack/temporal.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const path = join(root, 'docker-compose.temporal.yml');
const text = readFileSync(path, 'utf8');

interface Service {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly healthcheck?: { readonly test: readonly string[]; readonly retries: number };
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}
const compose = parse(text) as { services: Record<string, Service>; volumes: Record<string, unknown> };
const services = Object.entries(compose.services);

/** The schema of the Compose Specification (compose-spec/compose-go v2.9.0, Apache-2.0). */
const schema = JSON.parse(readFileSync(join(root, 'test/support/schemas/compose-spec.json'), 'utf8')) as Record<string, unknown>;
delete schema['$schema'];
const validate = new Ajv({ strict: false, formats: { duration: /^\d+(us|ms|s|m|h)/, ports: true, expose: true, 'subnet_ip_address': true } }).compile(schema);

describe('docker-compose.temporal.yml', () => {
  test('is what the Compose Specification allows', () => {
    expect(validate(compose), JSON.stringify(validate.errors, null, 2)).toBe(true);
  });

  test('is refused by the schema when it says what is not allowed, so that the check above can fail', () => {
    expect(validate({ services: { kafka: { image: 'apache/kafka:4.1.1', helthcheck: {} } } })).toBe(false);
    expect(validate({ services: { kafka: { image: 'apache/kafka:4.1.1', depends_on: { x: { condition: 'healthy' } } } } })).toBe(false);
  });

  test('brings all parts, and Airflow and the view of consumer lag from outside only when they are asked for', () => {
    expect(services.map(([name]) => name).sort()).toEqual(['airflow', 'kafka', 'kafka-lag-exporter', 'postgres', 'temporal', 'temporal-postgres', 'temporal-ui']);
    expect(services.filter(([, service]) => service.profiles !== undefined).map(([name]) => name)).toEqual(['kafka-lag-exporter', 'airflow']);
  });

  test.each(services)('%s has an image pinned to a full version and a health check', (_name, { image, healthcheck }) => {
    expect(image).toMatch(/:\d+\.\d+(\.\d+)?$/);
    expect(healthcheck?.test[0]).toMatch(/^CMD(-SHELL)?$/);
    expect(healthcheck?.retries).toBeGreaterThan(1);
  });

  test('listens on loopback only', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports).toHaveLength(5);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{STACK_[A-Z_]+:-\d+\}:\d+$/);
  });

  test('waits for services that exist to be healthy, and names volumes that exist', () => {
    for (const [, { depends_on: needs = {}, volumes = [] }] of services) {
      for (const [needed, { condition }] of Object.entries(needs)) {
        expect(Object.keys(compose.services)).toContain(needed);
        expect(condition).toBe('service_healthy');
      }
      for (const volume of volumes) {
        const source = volume.startsWith('${') ? (/:-(.*?)\}/.exec(volume)?.[1] ?? '') : (volume.split(':')[0] ?? '');
        if (!source.startsWith('.')) expect(Object.keys(compose.volumes)).toContain(source);
        else if (!source.startsWith('./.stack/')) expect(existsSync(join(root, source)), source).toBe(true);
      }
    }
  });

  test('builds from a file that exists, on the Airflow that the stack runs elsewhere', () => {
    const dockerfile = readFileSync(join(root, compose.services['airflow']?.build?.dockerfile ?? ''), 'utf8');
    expect(dockerfile).toContain(`FROM apache/airflow:${AIRFLOW_VERSION}\n`);
    for (const [, source] of dockerfile.matchAll(/^COPY (?:--\S+ )?(\S+)/gm)) expect(existsSync(join(root, source ?? '')), source).toBe(true);
    expect(compose.services['kafka']?.image).toBe(`apache/kafka:${KAFKA_VERSION}`);
  });

  test('has every service and port variable that the stack asks it for', () => {
    const parts = [temporal, kafka, postgres, airflowPart('real')];
    for (const part of parts) {
      expect(part.composeServices.length).toBeGreaterThan(0);
      for (const service of part.composeServices) expect(Object.keys(compose.services)).toContain(service);
      expect(part.ports.some(({ variable, usual }) => text.includes(`\${${variable}:-${usual}}`)), part.title).toBe(true);
    }
  });

  test('is understood by docker compose, where that is installed', async ({ skip }) => {
    if (!(await succeeds('docker', ['compose', 'version'], { env: process.env }))) skip('docker compose is not installed');
    const resolved = await runCommand('docker', ['compose', '-f', path, '--profile', 'airflow', '--profile', 'monitoring', 'config'], { env: process.env });
    expect(resolved).toContain('temporal-ui');
  });

  test('no engine is believed to run where there is none', async () => {
    expect(await engineRuns({ PATH: '/nonexistent' })).toBe(false);
  });
});
