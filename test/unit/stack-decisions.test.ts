import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { hostAndPort, hostAndPortOfUrl } from '../../stack/addresses.js';
import { airflowPart, eraserDefaults } from '../../stack/airflow.js';
import { composeArgs, projectName } from '../../stack/compose.js';
import { GivenUpError, MissingToolError, PartFailedError } from '../../stack/errors.js';
import { summarise } from '../../stack/give-up.js';
import { envFileText, writeEnvFile } from '../../stack/env-file.js';
import { defaultCacheDir } from '../../stack/fetch/cache.js';
import { javaMajor, pomOf } from '../../stack/fetch/maven.js';
import { pythonVersion } from '../../stack/fetch/python.js';
import { archiveUrl } from '../../stack/fetch/temporal-cli.js';
import { brokerProperties, kafka, newClusterId } from '../../stack/kafka.js';
import type { FetchContext, PartContext } from '../../stack/parts.js';
import { choosePorts } from '../../stack/ports.js';
import { apiVersionsRequest, startupMessage } from '../../stack/probes.js';
import { postgresMajor } from '../../stack/postgres.js';
import { progressLine, showProgress } from '../../stack/progress.js';
import { keepSecrets } from '../../stack/secrets.js';
import { readStackSettings } from '../../stack/settings.js';
import { airflowMode, sourcesFor } from '../../stack/sources.rules.js';
import { serverIsRecent, temporal } from '../../stack/temporal.js';

const folders: string[] = [];
async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'expunge-unit-'));
  folders.push(made);
  return made;
}
afterAll(() => Promise.all(folders.map((made) => rm(made, { recursive: true }))));

const nobody = async (): Promise<FetchContext & PartContext> => {
  const dir = await folder();
  return {
    cacheDir: join(dir, 'cache'),
    dataDir: join(dir, 'data'),
    environment: { PATH: '' },
    ports: { kafka: 1, kafkaController: 2 },
    secrets: { airflowPassword: 'a', postgresPassword: 'p', subjectPepper: 's' },
    durability: 'throwaway',
    kafka: {},
    postgres: {},
    simulatorArgs: [],
    stackEnv: {},
    signal: new AbortController().signal,
    onFetching: () => undefined,
  };
};

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('where a part comes from', () => {
  const allowed = ['compose', 'machine', 'registry'] as const;
  test('an address in the environment is used, and nothing else is tried in its place', () => {
    expect(sourcesFor({ addressSet: true, engineRuns: true, composeServices: ['kafka'], allowed })).toEqual(['environment']);
  });
  test('then docker compose, a program on the machine, the registries', () => {
    expect(sourcesFor({ addressSet: false, engineRuns: true, composeServices: ['kafka'], allowed })).toEqual(['compose', 'machine', 'registry']);
  });
  test('compose is left out without an engine, and for what it does not bring', () => {
    expect(sourcesFor({ addressSet: false, engineRuns: false, composeServices: ['kafka'], allowed })).toEqual(['machine', 'registry']);
    expect(sourcesFor({ addressSet: false, engineRuns: true, composeServices: [], allowed })).toEqual(['machine', 'registry']);
  });
  test('what the person does not allow is not tried', () => {
    expect(sourcesFor({ addressSet: false, engineRuns: true, composeServices: ['kafka'], allowed: ['registry'] })).toEqual(['registry']);
  });
  test('the caller’s word about Airflow goes before the person’s setting', () => {
    expect(airflowMode('none', 'real')).toBe('none');
    expect(airflowMode(undefined, 'real')).toBe('real');
  });
});

describe('a missing tool', () => {
  test('Kafka without Java says what to install and which address to set', async () => {
    await expect(kafka.fetch(await nobody())).rejects.toThrow(/^Kafka cannot be started: Java was not found: install Java 17 .* or set KAFKA_BROKERS/);
  });
  test('Temporal without Go and without the download says what to install and which address to set', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new Error('no network')));
    await expect(temporal.fetch(await nobody())).rejects.toThrow(
      /^Temporal cannot be started: Go was not found and the download failed \(no network\): install Go .* or set TEMPORAL_ADDRESS/,
    );
  });
  test.each(['simulated', 'real'] as const)('Airflow (%s) without Python says what to install and which address to set', async (mode) => {
    await expect(airflowPart(mode).fetch(await nobody())).rejects.toThrow(/^Airflow cannot be started: Python 3\.11 or newer was not found: install .* or set AIRFLOW_API_URL/);
  });
  test('is one line', async () => {
    const error = await kafka.fetch(await nobody()).catch((thrown: unknown) => thrown);
    expect((error as Error).message).not.toContain('\n');
  });
});

describe('the error of a start', () => {
  test('is all that is missing, when anything is', () => {
    const error = summarise([new GivenUpError(), new MissingToolError('no Java'), new PartFailedError('other'), new MissingToolError('no Go')]);
    expect(error).toMatchObject({ name: 'MissingToolError', message: 'no Java\nno Go' });
  });
  test('leaves out what was only given up because of another', () => {
    expect(summarise([new GivenUpError(), new PartFailedError('Kafka did not answer')]).message).toBe('Kafka did not answer');
    expect(summarise([new GivenUpError()])).toBeInstanceOf(GivenUpError);
  });
});

describe('ports', () => {
  test('a fixed port is taken as it is, the usual one when it is free, else another', async () => {
    const free = (port: number): Promise<boolean> => Promise.resolve(port !== 7233);
    const chosen = await choosePorts([{ name: 'a', fixed: 5 }, { name: 'b', usual: 9092 }, { name: 'c', usual: 7233 }], free, () => 20_001);
    expect(chosen).toEqual({ a: 5, b: 9092, c: 20_001 });
  });
  test('no port is given twice, and what a person fixed is kept from the others', async () => {
    let next = 20_000;
    const chosen = await choosePorts([{ name: 'a' }, { name: 'b' }, { name: 'c', fixed: 20_001 }], () => Promise.resolve(true), () => (next += 0.5) | 0);
    expect(new Set(Object.values(chosen)).size).toBe(3);
  });
  test('the same fixed port for two is an error that names both', async () => {
    await expect(choosePorts([{ name: 'kafka', fixed: 9 }, { name: 'api', fixed: 9 }])).rejects.toThrow('kafka and api are both set to port 9');
  });
  test('gives up when nothing is free', async () => {
    await expect(choosePorts([{ name: 'a' }], () => Promise.resolve(false))).rejects.toThrow('No free port for a');
  });
});

describe('settings', () => {
  test('every variable at fault is named at once', () => {
    expect(() => readStackSettings({ STACK_AIRFLOW: 'fake', STACK_SOURCES: 'podman', STACK_KAFKA_PORT: '99999' })).toThrow(
      /STACK_AIRFLOW=fake[\s\S]*STACK_SOURCES.*=podman[\s\S]*STACK_KAFKA_PORT=99999/,
    );
  });
  test('an empty variable counts as unset', () => {
    expect(readStackSettings({ STACK_AIRFLOW: '', API_PORT: '' })).toMatchObject({ STACK_AIRFLOW: 'simulated', STACK_SOURCES: ['compose', 'machine', 'registry'] });
  });
  test('the cache is the person’s own, outside the clone', () => {
    expect(defaultCacheDir({ EXPUNGE_CACHE_DIR: '/c' })).toBe('/c');
    expect(defaultCacheDir({ XDG_CACHE_HOME: '/x' })).toBe('/x/expunge');
    expect(defaultCacheDir({})).toMatch(/\.cache\/expunge$/);
  });
  test('the erasers’ stores default to the stack’s own, and a person’s settings come first', () => {
    expect(eraserDefaults('/s', {}, 'postgresql://app')).toMatchObject({ ERASER_APP_DB_URL: 'postgresql://app', ERASER_APP_FILES_URL: 'file:///s/data/files' });
    expect(eraserDefaults('/s', { ERASERS_FILE: '/mine.yaml', ERASER_APP_DB_URL: 'postgresql://mine' }, 'postgresql://app')).toMatchObject({
      ERASERS_FILE: '/mine.yaml',
      ERASER_APP_DB_URL: 'postgresql://mine',
    });
  });
});

describe('the env file', () => {
  test('is sorted, and quotes what a shell would take apart', () => {
    expect(envFileText({ B: 'two words', A: 'postgresql://u:p@h:1/d' })).toBe("A=postgresql://u:p@h:1/d\nB='two words'\n");
    expect(() => envFileText({ A: "it's" })).toThrow('A holds a quote');
  });
  test('can be read by its owner only', async () => {
    const path = join(await folder(), 'sub', 'env');
    await writeEnvFile(path, { A: '1' });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
  test('passwords and pepper are made once and kept', async () => {
    const dir = await folder();
    const made = await keepSecrets(dir);
    expect(await keepSecrets(dir)).toEqual(made);
    expect(new Set(Object.values(made)).size).toBe(3);
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(dir, 'secrets.json'), 'utf8')).toContain(made.subjectPepper);
  });
});

describe('what is read from programs', () => {
  test('versions', () => {
    expect(javaMajor('openjdk version "17.0.15" 2025-04-15')).toBe(17);
    expect(javaMajor('java version "1.8.0_392"')).toBe(8);
    expect(javaMajor('no java')).toBeUndefined();
    expect(postgresMajor('postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)')).toBe(15);
    expect(pythonVersion('Python 3.11.7')).toEqual([3, 11]);
    expect(serverIsRecent('temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)')).toBe(true);
    expect(serverIsRecent('temporal version 1.0.0 (Server 1.24.2, UI 2.28.0)')).toBe(false);
    expect(serverIsRecent('tctl version 1.18')).toBe(false);
  });
  test('addresses', () => {
    expect(hostAndPort('kafka.local:19092', 9092)).toEqual({ host: 'kafka.local', port: 19092 });
    expect(hostAndPort('temporal', 7233)).toEqual({ host: 'temporal', port: 7233 });
    expect(hostAndPort('[::1]:7233', 1)).toEqual({ host: '::1', port: 7233 });
    expect(hostAndPortOfUrl('postgresql://u:p@db/x', 5432)).toEqual({ host: 'db', port: 5432 });
    expect(hostAndPortOfUrl('https://airflow.local', 443)).toEqual({ host: 'airflow.local', port: 443 });
  });
});

describe('what programs are told', () => {
  test('Kafka is one node on loopback that creates no topic unasked; a caller’s property wins', async () => {
    const context = await nobody();
    expect(brokerProperties(context)).toMatchObject({
      listeners: 'PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2',
      'auto.create.topics.enable': 'false',
      'group.initial.rebalance.delay.ms': '0',
      'offsets.topic.replication.factor': '1',
    });
    expect(brokerProperties({ ...context, kafka: { properties: { 'message.max.bytes': '1000' } } })['message.max.bytes']).toBe('1000');
  });

  test('has a cluster id that no command takes for an option', () => {
    expect(newClusterId(() => Buffer.alloc(16, 0xff))).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
    expect(newClusterId()).not.toBe(newClusterId());
  });
  test('a pom names the artifacts, a download its platform, a compose project its folder', () => {
    expect(pomOf([{ group: 'g', artifact: 'a', version: '1' }])).toContain('<groupId>g</groupId><artifactId>a</artifactId><version>1</version>');
    expect(archiveUrl('linux', 'x64')).toContain('platform=linux&arch=amd64');
    expect(projectName('/a')).not.toBe(projectName('/b'));
    expect(composeArgs('/a', 'down')).toContain(projectName('/a'));
  });
  test('the probes speak the protocols', () => {
    expect(apiVersionsRequest(7).toString('hex')).toBe('0000001700120000' + '00000007' + '000d' + Buffer.from('expunge-stack').toString('hex'));
    const startup = startupMessage('u', 'd');
    expect(startup.readInt32BE(0)).toBe(startup.length);
    expect(startup.subarray(8).toString()).toBe('user\0u\0database\0d\0\0');
  });
});

describe('progress', () => {
  const ready = { part: 'kafka', title: 'Kafka', state: 'ready', detail: '127.0.0.1:9092', seconds: 4.26 } as const;
  test('a line says the part, its state, and the time when it is ready', () => {
    expect(progressLine(ready)).toMatch(/✓ Kafka +ready +4\.3 s +127\.0\.0\.1:9092/);
  });
  test('is redrawn in place on a terminal and is plain lines elsewhere', () => {
    const seen: string[] = [];
    const output = (isTTY: boolean) => ({ isTTY, write: (text: string) => seen.push(text) });
    const plain = showProgress(output(false));
    plain(ready);
    expect(seen.join('')).not.toContain('\u001b');
    const terminal = showProgress(output(true));
    terminal({ ...ready, state: 'looking' });
    terminal(ready);
    expect(seen.at(-1)).toContain('\u001b[1A');
  });
});
