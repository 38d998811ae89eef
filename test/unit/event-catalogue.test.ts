import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { topicSpecs } from '../../bus/topics.js';
import { topicCatalogue } from '../../contracts/topics/catalogue.js';
import { NOVA_EVENTS, novaTopicNames, type NovaEventEntry } from '../../contracts/topics/index.js';
import { loadConfig } from '../../platform/config.js';
import { catalogued, eventFiles, jsonSchemaOf, SAMPLE_FOLDERS, writtenEventFiles } from '../support/event-catalogue.js';

interface Sample {
  readonly topic: string;
  readonly key: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly value: Readonly<Record<string, unknown>>;
}

const { kafka } = loadConfig({});
const { novaTopics } = kafka;
const samples = SAMPLE_FOLDERS.map((folder) => new URL(`../../${folder}`, import.meta.url)).flatMap((folder) =>
  readdirSync(folder).filter((file) => file.endsWith('.json')).map((file) => ({ file, ...(JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Sample) })));
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { uri: (text: string) => URL.canParse(text) } });
const { own, nova } = catalogued();
const all = [...own, ...nova];
const ofTopic = new Map(topicCatalogue('nova').map((entry, i) => [entry.topic, { entry, name: own[i]?.name ?? '' }]));

/** The message of the catalogue that a sample is one of. */
function messageOf({ topic, headers }: Sample): string {
  const type = headers?.['event_type'];
  const legacy = Object.entries<NovaEventEntry>(NOVA_EVENTS).find(([, { legacyTopic }]) => legacyTopic === topic)?.[0];
  return ofTopic.get(topic)?.name ?? legacy ?? type ?? 'none';
}
const fieldOf = (value: unknown, path: string): unknown => path.split('.').reduce<unknown>((found, name) => (found as Record<string, unknown> | undefined)?.[name], value);

test('docs/events.md and docs/schemas are those of the contracts; if not: npm run write-events', async () => {
  const [is, shouldBe] = [await writtenEventFiles(), eventFiles()];
  expect([...is.keys()].sort()).toEqual([...shouldBe.keys()].sort());
  for (const [path, text] of shouldBe) expect(is.get(path), path).toBe(text);
});

test('every topic that there is has its place in the catalogue, and the other way round', () => {
  const known = [...ofTopic.keys(), ...novaTopicNames(novaTopics)].sort();
  expect(new Set(known).size).toBe(known.length);
  const made = topicSpecs(kafka).map(({ topic }) => topic).filter((topic) => !topic.endsWith('.dlq'));
  for (const topic of made) expect(known).toContain(topic);
  for (const topic of ofTopic.keys()) expect(made).toContain(topic);
  const named = novaTopicNames(loadConfig({ KAFKA_TOPIC_PREFIX: '<prefix>'.replaceAll(/[<>]/g, '') }).kafka.novaTopics);
  const document = eventFiles().get('docs/events.md') ?? '';
  for (const topic of named) expect(document).toContain(`\`${topic.replace(/^prefix\./, '<prefix>.')}\``);
});

test('every message of the catalogue has a sample', () => {
  expect([...new Set(samples.map(messageOf))].sort()).toEqual(all.map(({ name }) => name).sort());
});

describe.each(samples)('$file', (sample) => {
  const name = messageOf(sample);
  const validate = ajv.compile(jsonSchemaOf(all.find((one) => one.name === name)!));

  test('is what its JSON Schema takes', () => {
    expect(validate(sample.value), JSON.stringify(validate.errors)).toBe(true);
  });

  test('is refused by it without any field that is required', () => {
    const schema = jsonSchemaOf(all.find((one) => one.name === name)!) as { required?: string[]; oneOf?: { required: string[] }[] };
    const required = schema.required ?? schema.oneOf?.[0]?.required ?? [];
    expect(required.length).toBeGreaterThan(0);
    for (const field of required.filter((one) => one in sample.value)) {
      const { [field]: _, ...rest } = sample.value;
      expect(validate(rest), field).toBe(false);
    }
  });

  test('has the key that the catalogue says', () => {
    const paths: readonly string[] = ofTopic.get(sample.topic)?.entry.partitionKey ?? [(NOVA_EVENTS as Readonly<Record<string, NovaEventEntry>>)[name]?.partitionKey ?? ''];
    expect(paths.map((path) => fieldOf(sample.value, path)).find((found) => found !== undefined)).toBe(sample.key);
  });

  test('has an event type that the catalogue says', () => {
    const { entry } = ofTopic.get(sample.topic) ?? {};
    const type = sample.headers?.['event_type'];
    if (entry && entry.eventTypes.length > 0 && type !== undefined) expect(entry.eventTypes).toContain(type);
  });
});
