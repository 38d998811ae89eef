import { z } from 'zod';
import { parseDuration } from './duration.js';
import { isLoopback } from './loopback.rules.js';
import type { Role } from './role-names.js';
import type { Pepper } from './subject-ref.js';

/** What is known of a variable besides its form. */
export interface VariableMeta {
  readonly description: string;
  /** Its value is never repeated in a message. */
  readonly secret?: true;
  /** The roles that cannot run without it. */
  readonly requiredBy?: readonly Role[];
}

/** The description of every variable, by its schema. */
export const aboutVariable = z.registry<VariableMeta>();

const text = z.string().trim().min(1);

const whole = (min: number, max: number) =>
  z.string().trim().regex(/^\d{1,9}$/, `write a whole number from ${min} to ${max}`).transform(Number)
    .refine((n) => n >= min && n <= max, `write a whole number from ${min} to ${max}`);

const port = whole(0, 65_535);

const duration = z.string().transform((value, ctx) => {
  try {
    return parseDuration(value);
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: (error as RangeError).message.replace(/^.*?: /, '') });
    return z.NEVER;
  }
});
const positiveDuration = duration.refine((ms) => ms > 0, 'write a duration longer than 0');

const yesOrNo = z.string().trim().toLowerCase().pipe(z.enum(['true', 'false'], 'write true or false')).transform((value) => value === 'true');

/** An activity has half a minute beside its transaction. */
const MOST_OWNER_TIMEOUT_MS = 20_000;

/** The roll-back switch of the source document: present, and neither `false` nor `0`. */
const presence = z.string().transform((value) => !['false', '0'].includes(value.trim().toLowerCase()));

const httpUrl = z.string().trim().transform((value) => value.replace(/\/+$/, ''))
  .pipe(z.url({ protocol: /^https?$/, error: 'write an address that begins with http:// or https://' }));

const topicName = text.regex(/^[A-Za-z0-9._-]{1,249}$/, 'write letters, digits, dots, _ and - only');

/** Keys that came over plain HTTP could be anyone's. */
const keysUrl = httpUrl.refine((value) => value.startsWith('https://') || isLoopback(new URL(value).hostname), 'write an https:// address; http:// is for this machine only');

/** Signatures by a key pair: whoever can verify one cannot make one. */
const SIGNATURES = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const;
const listOf = (value: string): string[] => value.split(',').map((part) => part.trim()).filter((part) => part !== '');
const algorithms = z.string().transform(listOf).pipe(z.array(z.enum(SIGNATURES, `write some of ${SIGNATURES.join(', ')}, with commas between`)).min(1, 'name at least one'));

const origins = z.string().transform(listOf).pipe(z.array(z.string().regex(/^https?:\/\/[^\s/*]+$/, 'write origins like https://console.example.org, with commas between')).min(1, 'name at least one'));

/** As OpenTelemetry writes them: `name=value`, with commas between, values percent-encoded. */
const pairs = z.string().transform((value, ctx): Record<string, string> => {
  try {
    return Object.fromEntries(listOf(value).map((pair) => {
      const [, name = '', text = ''] = /^([^\s=]+)\s*=\s*(.*)$/.exec(pair) ?? [];
      if (name === '') throw new SyntaxError('no name');
      return [name, decodeURIComponent(text)];
    }));
  } catch {
    ctx.addIssue({ code: 'custom', message: 'write name=value, several with commas between, values percent-encoded' });
    return z.NEVER;
  }
});

const SAMPLERS = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const;

const share = z.string().trim().regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'write a number from 0 to 1').transform(Number);

const databaseUrl = z.string().trim()
  .pipe(z.url({ protocol: /^postgres(ql)?$/, hostname: /.*/, error: 'write postgresql://user:password@host:port/database' }));

const brokers = z.string().transform((value) => value.split(',').map((part) => part.trim()).filter((part) => part !== ''))
  .pipe(z.array(z.string().regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, 'write host:port, several with commas between')).min(1, 'write host:port, several with commas between'));

const PEPPER_FORM = 'write one secret of 16 characters or more, or several as v2:secret,v1:secret with the newest first';

const peppers = z.string().trim().transform((value, ctx): Pepper[] => {
  const versioned = /^v[1-9]\d{0,3}:/.test(value);
  const found = (versioned ? value.split(',') : [value]).map((part) => {
    const match = versioned ? /^v([1-9]\d{0,3}):(.*)$/.exec(part.trim()) : ['', '1', part];
    return { version: Number(match?.[1] ?? 0), secret: match?.[2] ?? '' };
  });
  const falling = found.every(({ version }, i) => i === 0 || version < (found[i - 1]?.version ?? 0));
  if (found.some(({ version, secret }) => version === 0 || secret.length < 16) || !falling) {
    ctx.addIssue({ code: 'custom', message: PEPPER_FORM });
    return z.NEVER;
  }
  return found;
});

const KAFKA_ROLES = ['ingress', 'nova', 'trigger', 'result', 'relay', 'api'] as const;
const DATABASE_ROLES = ['worker', ...KAFKA_ROLES] as const;

const about = <S extends z.ZodType>(schema: S, description: string, more: Omit<VariableMeta, 'description'> = {}): S => {
  aboutVariable.add(schema, { description, ...more });
  return schema;
};

/** Every variable that Expunge reads itself, in the order of the README's table. Temporal's own are read by its library. */
export const VARIABLES = {
  KAFKA_BROKERS: about(brokers.optional(), 'Kafka bootstrap servers, `host:port`, with commas between', { requiredBy: KAFKA_ROLES }),
  KAFKA_TOPIC_PREFIX: about(text.regex(/^[A-Za-z0-9._-]{1,100}$/, 'write letters, digits, dots, _ and - only').prefault('nova'), 'Prefix of the topics `<prefix>.deletion.events` and `<prefix>.content.events`'),
  KAFKA_IDENTITY_EVENTS_TOPIC: about(topicName.prefault('nova.identity.events'), 'Topic of the events of users, from the service of identities'),
  KAFKA_MEDIA_EVENTS_TOPIC: about(topicName.optional(), 'Topic of the events of media; `nova.media.events` when neither this nor KAFKA_EVENTS_TOPIC is set'),
  KAFKA_EVENTS_TOPIC: about(topicName.optional(), 'Another name of KAFKA_MEDIA_EVENTS_TOPIC, which goes first'),
  KAFKA_MESSAGE_EVENTS_TOPIC: about(topicName.prefault('nova.message.events'), 'Topic of the events of messages; the older `message_persisted` and `message_deleted` are read too'),
  KAFKA_SASL_MECHANISM: about(text.toLowerCase().pipe(z.enum(['plain', 'scram-sha-256', 'scram-sha-512'], 'write plain, scram-sha-256 or scram-sha-512')).optional(), 'SASL mechanism: plain, scram-sha-256 or scram-sha-512; needs user name and password'),
  KAFKA_SASL_USERNAME: about(text.optional(), 'SASL user name'),
  KAFKA_SASL_PASSWORD: about(z.string().optional(), 'SASL password', { secret: true }),
  KAFKA_TLS: about(yesOrNo.prefault('false'), 'Speak TLS with Kafka'),
  KAFKA_TLS_CA: about(text.optional(), 'File of the certificate authority that signed the brokers; the system’s own when left out'),
  KAFKA_TLS_CERT: about(text.optional(), 'File of the client certificate; needs KAFKA_TLS_KEY'),
  KAFKA_TLS_KEY: about(text.optional(), 'File of the client certificate’s key'),
  TEMPORAL_UI_URL: about(httpUrl.optional(), 'Where people open Temporal’s Web UI; answers and notifications then link to the run'),
  DATABASE_URL: about(databaseUrl.optional(), 'PostgreSQL, `postgresql://user:password@host:port/database`; over TLS with `?sslmode=verify-full&sslrootcert=<file>`, and `sslcert`, `sslkey` for a client certificate', { secret: true, requiredBy: DATABASE_ROLES }),
  DATABASE_POOL_SIZE: about(whole(1, 500).prefault('10'), 'PostgreSQL connections of one role at the most'),
  DATABASE_STATEMENT_TIMEOUT: about(positiveDuration.prefault('30s'), 'Longest time that one statement may take; a connection that is silent for 5 s longer is given up'),
  AIRFLOW_API_URL: about(httpUrl.optional(), 'Airflow’s address, without `/api/v2`', { requiredBy: ['trigger'] }),
  AIRFLOW_USERNAME: about(text.optional(), 'Airflow user, for a token from `/auth/token`; needs AIRFLOW_PASSWORD'),
  AIRFLOW_PASSWORD: about(z.string().optional(), 'Airflow password', { secret: true }),
  AIRFLOW_TOKEN: about(text.optional(), 'Airflow bearer token, instead of user and password', { secret: true }),
  AIRFLOW_REQUEST_TIMEOUT: about(positiveDuration.prefault('30s'), 'Airflow’s answer is waited for no longer; the request is then made again'),
  AIRFLOW_DAG_MISSING_GRACE: about(duration.prefault('60s'), 'How long a DAG may be missing before its deletion fails with DAG_NOT_FOUND'),
  SUBJECT_PEPPER: about(peppers.optional(), 'Secret that user ids are hashed with, 16 characters or more; to rotate it, `v2:new,v1:old`', { secret: true, requiredBy: ['worker', 'ingress', 'nova', 'api'] }),
  SOFT_DELETE_GRACE: about(duration.prefault('30d'), 'Wait after a soft deletion, during which it can be cancelled'),
  POLICY_FILE: about(text.optional(), 'Policies by service type; `deploy/policies.yaml` when left out'),
  RESULT_TIMEOUT: about(positiveDuration.prefault('24h'), 'How long Airflow’s result is awaited, where the policy file says nothing'),
  AUTO_RETRIES: about(whole(0, 100).prefault('3'), 'Automatic retries before a deletion is parked, where the policy file says nothing'),
  RETRY_BACKOFF: about(duration.prefault('1m'), 'Wait before the first retry; doubles each time'),
  MAX_RETRY_BACKOFF: about(duration.prefault('1h'), 'Longest wait between retries'),
  PARKING_WINDOW: about(positiveDuration.prefault('7d'), 'A parked deletion is told of again this often'),
  DUE_IN: about(positiveDuration.prefault('30d'), 'Receipt to due date (GDPR 12(3))'),
  VERIFICATION_DEADLINE: about(positiveDuration.prefault('24h'), 'From a user’s completed deletion to the statement of what is left, where the policy file says nothing'),
  TENANT_PURGE_GRACE: about(duration.prefault('24h'), 'Wait between a tenant’s last service and its clean-up'),
  INVENTORY_MAX_STALENESS: about(positiveDuration.prefault('30s'), 'Older than this the service inventory decides nothing'),
  SERVICE_INVENTORY_URL: about(httpUrl.optional(), 'Authority over the service inventory, asked over HTTP before each decision instead of waiting for its events (docs/architecture.md)'),
  SERVICE_INVENTORY_TOKEN: about(text.optional(), 'Bearer token for the authority', { secret: true }),
  ENABLE_DIRECT_CALL: about(presence.optional(), 'Set, and neither `false` nor `0`: what exists of a user is asked from the services that own it instead of the local index (docs/operations.md)'),
  CONTENT_SERVICE_URL: about(httpUrl.optional(), 'Address of content-service, for ENABLE_DIRECT_CALL; its contract is docs/owner-counts.openapi.yaml'),
  MEDIA_SERVICE_URL: about(httpUrl.optional(), 'Address of media-service, for ENABLE_DIRECT_CALL'),
  MESSAGING_SERVICE_URL: about(httpUrl.optional(), 'Address of the messaging service, for ENABLE_DIRECT_CALL'),
  IDENTITY_SERVICE_URL: about(httpUrl.optional(), 'Address of identity-service, for ENABLE_DIRECT_CALL'),
  OWNER_COUNTS_TOKEN: about(text.optional(), 'Bearer token for the owning services', { secret: true }),
  OWNER_COUNTS_TIMEOUT: about(positiveDuration.refine((ms) => ms <= MOST_OWNER_TIMEOUT_MS, 'write 20s or less').prefault('2s'), 'An owning service’s answer is waited for no longer; the question is then asked again'),
  WATCHER_INTERVAL: about(positiveDuration.prefault('60s'), 'How long a run may go without a result before Airflow is asked about it, and the least time between two looks at it; one that lasts is looked at when a tenth more of its time has gone by, at least every 15 minutes'),
  RECONCILE_EVERY: about(positiveDuration.prefault('5m'), 'How often the ledger is compared with Temporal; `expunge setup` makes the schedule'),
  RECONCILE_QUIET: about(duration.prefault('1m'), 'A deletion that has shown a sign of life since is not compared'),
  RECONCILE_RATE: about(whole(1, 10_000).prefault('50'), 'Deletions that are compared each second, at the most'),
  OUTBOX_POLL: about(positiveDuration.prefault('5s'), 'The relay looks for unsent rows at least this often'),
  OUTBOX_BATCH: about(whole(1, 10_000).prefault('100'), 'Outbox rows sent together'),
  OUTBOX_KEEP: about(duration.prefault('7d'), 'How long sent outbox rows are kept'),
  WORKER_ACTIVITY_SLOTS: about(whole(1, 1_000).prefault('40'), 'Activities at once in a lane whose policy names no `workerSlots`'),
  WORKER_WORKFLOW_TASK_SLOTS: about(whole(2, 1_000).prefault('40'), 'Workflow tasks at once in a lane'),
  WORKER_DEPLOYMENT: about(text.regex(/^[^.\s]{1,100}$/, 'write a name without dots or spaces').optional(), 'Temporal Worker Versioning: the name of the deployment that workers are of; needs WORKER_BUILD_ID, and `expunge make-current` makes a build current'),
  WORKER_BUILD_ID: about(text.regex(/^[^.\s][^\s]{0,127}$/, 'write an id of up to 128 characters without spaces').optional(), 'Temporal Worker Versioning: the release that workers are; needs WORKER_DEPLOYMENT'),
  WORKER_STACK_TRACES: about(yesOrNo.prefault('false'), 'Keep where each promise of a workflow was made, for Temporal’s stack trace query and for failures of workflow code; takes about a quarter of a worker’s CPU'),
  WORKFLOW_BUNDLE: about(text.optional(), 'The workflows in one file, made by `npm run bundle`; made at each start of a worker when left out, which takes it some seconds'),
  WORKER_CACHED_WORKFLOWS: about(whole(0, 100_000).prefault('500'), 'Workflows that a lane’s worker keeps in memory'),
  API_HOST: about(text.prefault('127.0.0.1'), 'Interface that the API listens on'),
  API_PORT: about(port.prefault('8080'), 'Port of the API; 0 takes a free one'),
  API_JWKS_URL: about(keysUrl.optional(), 'Where the issuer of the API’s tokens publishes its keys (JWKS). With it or API_JWKS_FILE every call needs a token; without, the API listens on this machine only'),
  API_JWKS_FILE: about(text.optional(), 'The same keys as a file, read at the start'),
  API_JWT_ISSUER: about(text.optional(), 'Who must have issued a token (`iss`)'),
  API_JWT_AUDIENCE: about(text.optional(), 'Whom a token must be for (`aud`)'),
  API_JWT_ALGORITHMS: about(algorithms.prefault('RS256,PS256,ES256,EdDSA'), 'Signatures that are taken'),
  API_JWT_ROLES_CLAIM: about(text.prefault('roles'), 'Claim that holds `viewer`, `operator` or `admin`: its name, or a path like `realm_access.roles`'),
  API_JWT_TENANT_CLAIM: about(text.prefault('tenant'), 'Claim that holds the tenant, or the tenants, that a token is fenced to; a token without it sees all'),
  API_RATE_LIMIT: about(whole(1, 100_000_000).prefault('6000'), 'Calls that one caller may make in a minute; ten times as many of the fence'),
  API_CORS_ORIGINS: about(origins.optional(), 'Origins whose pages may call the API from a browser; none when left out'),
  EXPUNGE_API_URL: about(httpUrl.prefault('http://127.0.0.1:8080'), 'Where the command line finds the API'),
  EXPUNGE_API_TOKEN: about(text.optional(), 'Bearer token that the command line sends to the API', { secret: true }),
  HEALTH_HOST: about(text.prefault('127.0.0.1'), 'Interface of `/livez`, `/readyz` and `/metrics`'),
  HEALTH_PORT: about(z.literal('off').or(port).prefault('8081'), 'Port of `/livez`, `/readyz` and `/metrics` of each process; 0 takes a free one, `off` none'),
  LOG_LEVEL: about(text.toLowerCase().pipe(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'write trace, debug, info, warn, error, fatal or silent')).prefault('info'), 'trace, debug, info, warn, error, fatal or silent'),
  OTEL_EXPORTER_OTLP_ENDPOINT: about(httpUrl.optional(), 'OpenTelemetry collector: with it, or the next one, spans are sent there over OTLP (`<endpoint>/v1/traces`); without, none are made (docs/operations.md)'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: about(httpUrl.optional(), 'The same as a whole address, which goes first'),
  OTEL_EXPORTER_OTLP_PROTOCOL: about(text.toLowerCase().pipe(z.enum(['http/protobuf'], 'write http/protobuf, the only one that is spoken')).prefault('http/protobuf'), 'How spans are sent; `http/protobuf`, mostly on port 4318'),
  OTEL_EXPORTER_OTLP_HEADERS: about(pairs.optional(), 'Headers for the collector, `name=value` with commas between, such as an API key', { secret: true }),
  OTEL_EXPORTER_OTLP_TIMEOUT: about(whole(1, 600_000).prefault('10000'), 'The collector is waited for no longer, in milliseconds'),
  OTEL_SERVICE_NAME: about(text.prefault('expunge'), 'Under what name spans appear'),
  OTEL_RESOURCE_ATTRIBUTES: about(pairs.optional(), 'More about the process, `name=value` with commas between: `deployment.environment.name=production`'),
  OTEL_TRACES_SAMPLER: about(text.toLowerCase().pipe(z.enum(SAMPLERS, `write one of ${SAMPLERS.join(', ')}`)).prefault('parentbased_always_on'), 'Which traces are recorded: as OpenTelemetry names its samplers'),
  OTEL_TRACES_SAMPLER_ARG: about(share.prefault('1'), 'Share of the traces, from 0 to 1, for the samplers by ratio'),
  OTEL_BSP_SCHEDULE_DELAY: about(whole(10, 600_000).prefault('5000'), 'Spans are sent this often, in milliseconds'),
  OTEL_BSP_MAX_QUEUE_SIZE: about(whole(1, 1_000_000).prefault('2048'), 'Spans that wait to be sent; what comes beyond is lost'),
  OTEL_SDK_DISABLED: about(yesOrNo.prefault('false'), 'Makes no spans, whatever else is set'),
  SHUTDOWN_TIMEOUT: about(positiveDuration.prefault('15s'), 'What is still in hand this long after SIGTERM is left behind'),
} as const;

export type VariableName = keyof typeof VARIABLES;
/** The environment once read: every variable by its own name. */
export type ParsedVariables = z.output<z.ZodObject<typeof VARIABLES>>;
