import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { NovaTopics } from '../../contracts/names/index.js';
import { topicCatalogue, type TopicEntry } from '../../contracts/topics/catalogue.js';
import { isoTime } from '../../contracts/topics/fields.js';
import { NOVA_EVENT_TYPES, NOVA_EVENTS, type NovaEventEntry } from '../../contracts/topics/index.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const SCHEMAS = 'docs/schemas';
const DOCUMENT = 'docs/events.md';
const PREFIX = '<prefix>';

/** The variable that names each topic of the Nova bus, and what it is called without one. */
const NOVA_TOPICS: Readonly<Record<keyof NovaTopics, { readonly topic: string; readonly variables: readonly string[] }>> = {
  content: { topic: `${PREFIX}.content.events`, variables: ['KAFKA_TOPIC_PREFIX'] },
  media: { topic: 'nova.media.events', variables: ['KAFKA_MEDIA_EVENTS_TOPIC', 'KAFKA_EVENTS_TOPIC'] },
  identity: { topic: 'nova.identity.events', variables: ['KAFKA_IDENTITY_EVENTS_TOPIC'] },
  message: { topic: 'nova.message.events', variables: ['KAFKA_MESSAGE_EVENTS_TOPIC'] },
};

/** A message of the catalogue: a topic of Expunge's own, or an event type of the Nova bus. */
export interface Catalogued {
  /** Of its section, and of its schema's file. */
  readonly name: string;
  readonly schema: z.ZodType;
  readonly text: readonly string[];
}

const code = (text: string): string => `\`${text}\``;
const listed = (texts: readonly string[]): string => texts.map((text) => text.replace(/^expunge (\([a-z]+\)|[a-z ]+)/, code)).join(', ');

function ownTopic({ topic, schema, what, partitionKey, eventTypes, producers, consumers }: TopicEntry): Catalogued {
  const types = eventTypes.length === 0 ? [] : [`- \`event_type\`: ${eventTypes.map(code).join(', ')}`];
  const name = topic.replace(`${PREFIX}.`, '');
  return { name, schema, text: [what, '', `- topic: ${code(topic)}${topic.startsWith(PREFIX) ? ' (`KAFKA_TOPIC_PREFIX`)' : ''}`, ...types, `- key: ${partitionKey.map(code).join(', else ')}`, `- from: ${listed(producers)}`, `- to: ${listed(consumers)}`] };
}

function novaEvent(type: string, { schema, topic, legacyTopic, partitionKey, producers, consumers, effect }: NovaEventEntry): Catalogued {
  const { topic: name, variables } = NOVA_TOPICS[topic];
  const older = legacyTopic === undefined ? '' : `, and the older ${code(legacyTopic)}, which needs no \`event_type\``;
  return {
    name: type, schema,
    text: [`In the subject inventory: ${effect}.`, '', `- topic: ${code(name)} (${variables.map(code).join(', else ')})${older}`, `- \`event_type\`: ${code(type)}`, `- key: ${code(partitionKey)}`, `- from: ${listed(producers)}`, `- to: ${listed(consumers)}`],
  };
}

/** Every message that goes in or out. */
export const catalogued = (): { readonly own: readonly Catalogued[]; readonly nova: readonly Catalogued[] } => ({
  own: topicCatalogue(PREFIX).map(ownTopic),
  nova: NOVA_EVENT_TYPES.map((type) => novaEvent(type, NOVA_EVENTS[type])),
});

/** The JSON Schema (draft 2020-12) of what may be sent: before times are written alike and long texts cut. */
export function jsonSchemaOf({ name, schema }: Pick<Catalogued, 'name' | 'schema'>): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io: 'input', unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if ((zodSchema as unknown) === isoTime) jsonSchema.description = 'ISO 8601 date and time with a zone';
    },
  });
  return { $schema, title: name, ...rest };
}

const fileOf = (name: string): string => `${SCHEMAS}/${name}.json`;

/** Where samples of messages are. */
export const SAMPLE_FOLDERS = ['test/samples/', 'test/data/nova/'] as const;

/** A file with a sample of a message: it is named after it. */
function sampleOf(name: string): string | undefined {
  return SAMPLE_FOLDERS.flatMap((folder) => ['', '.success', '.user'].map((variant) => `${root}${folder}${name}${variant}.json`)).find((path) => existsSync(path));
}

function section({ name, text }: Catalogued): string {
  const sample = sampleOf(name);
  const example = sample === undefined ? [] : ['', '```json', JSON.stringify((JSON.parse(readFileSync(sample, 'utf8')) as { value: unknown }).value, null, 2), '```'];
  return [`### ${name}`, '', ...text, `- schema: [${name}.json](schemas/${name}.json)`, ...example, ''].join('\n');
}

function document(): string {
  const { own, nova } = catalogued();
  const contents = (messages: readonly Catalogued[]): string => messages.map(({ name }) => `[${name}](#${name.toLowerCase().replaceAll('.', '')})`).join(' · ');
  return `# Events

<!-- Written by \`npm run write-events\` from contracts/topics: change it there. -->

Every message that Expunge reads or writes: one JSON object, in UTF-8. Fields that are not in a schema are accepted and ignored. The
schemas in [\`schemas/\`](schemas/) are JSON Schema, draft 2020-12.

- **Headers.** What Expunge sends has \`event_id\` and \`event_type\`. The id is made of what happened (\`<requestId>/<what>/<n>\`), so that
  a repeat is known by it: what is sent may come twice, with the same id and the same content. \`traceparent\` is understood, and \`b3\`.
- **Order.** Messages of one key are in order, but for repeats.
- **What cannot be read** is kept in \`<topic>.dlq\`, as it came, with what is wrong with which field in its headers
  ([operations.md](operations.md#dead-letters-expunge_dead_letters_total)). What comes behind it is handled.
- **Compression** may be any that Kafka knows.

Expunge: ${contents(own)}

The Nova bus: ${contents(nova)}

## Expunge

${own.map(section).join('\n')}
## The Nova bus

Read for the subject inventory: ids and counts, never content. An event is known by its \`event_id\` header for 7 days; without one, by
where it lies (\`<topic>:<partition>:<offset>\`). Events may come in any order, and more than once. An \`event_type\` that is not listed
here is skipped and counted.

${nova.map(section).join('\n')}`.replace(/\n+$/, '\n');
}

/** What the generated files should hold, by their paths from the root. */
export function eventFiles(): ReadonlyMap<string, string> {
  const { own, nova } = catalogued();
  return new Map([[DOCUMENT, document()], ...[...own, ...nova].map((one) => [fileOf(one.name), `${JSON.stringify(jsonSchemaOf(one), null, 2)}\n`] as const)]);
}

/** What they do hold: the document, and whatever is in the folder of the schemas. */
export async function writtenEventFiles(): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(`${root}${SCHEMAS}`);
  const paths = [DOCUMENT, ...names.map((name) => `${SCHEMAS}/${name}`)];
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(`${root}${path}`, 'utf8')] as const)));
}

/** Writes them all, and takes away the schemas of what there is no more. */
export async function writeEventFiles(): Promise<void> {
  await rm(`${root}${SCHEMAS}`, { recursive: true, force: true });
  await mkdir(`${root}${SCHEMAS}`, { recursive: true });
  for (const [path, text] of eventFiles()) await writeFile(`${root}${path}`, text);
}
