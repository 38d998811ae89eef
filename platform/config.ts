import { readFileSync } from 'node:fs';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import { contentEventsTopic, type NovaTopics, type OwnerService } from '../contracts/names/index.js';
import { aboutVariable, VARIABLES } from './config-variables.js';
import type { ParsedVariables, VariableName } from './config-variables.js';
import { tracingOf, type TracingConfig } from './config-tracing.js';
import type { Role } from './role-names.js';
import type { Pepper } from './subject-ref.js';

/** One thing that is wrong with one variable. */
export interface Fault {
  readonly variable: string;
  readonly remedy: string;
  /** As given; never that of a secret. */
  readonly value?: string;
}

/** The environment cannot be used; every fault is named, so that they can be mended in one go. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const lines = faults.map(({ variable, value, remedy }) => `  ${variable}${value === undefined ? '' : ` is "${value}"`}: ${remedy}`);
    super(`The configuration cannot be used:\n${lines.join('\n')}`);
    this.faults = faults;
  }
}

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  /** The topics of the Nova bus. */
  readonly novaTopics: NovaTopics;
  readonly sasl?: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string };
  /** PEM texts; an empty object means TLS with the system's authorities. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export interface TemporalConfig {
  /** Address, TLS, API key and gRPC metadata, as Temporal's clients take them. */
  readonly connection: Pick<ClientConnectConfig['connectionOptions'], 'address' | 'tls' | 'apiKey' | 'metadata'>;
  readonly namespace: string;
  readonly uiUrl?: string;
}

/** A release of the workers, as Temporal's Worker Versioning names it. */
export interface WorkerVersion {
  readonly deploymentName: string;
  readonly buildId: string;
}

export type AirflowCredentials = { readonly token: string } | { readonly username: string; readonly password: string };

/** By what the API knows its callers. */
export interface ApiAuthConfig {
  readonly jwks: { readonly url: string } | { readonly file: string };
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  /** Where in a token roles and tenants are. */
  readonly claims: { readonly roles: string; readonly tenant: string };
}

/** What the process was told. Durations are in milliseconds. What no role asked for is a ConfigFault when it is read unset. */
export interface Config {
  readonly kafka: KafkaConfig;
  readonly temporal: TemporalConfig;
  readonly database: { readonly url: string; readonly poolSize: number; readonly statementTimeoutMs: number };
  readonly airflow: { readonly apiUrl: string; readonly credentials?: AirflowCredentials; readonly requestTimeoutMs: number; readonly dagMissingGraceMs: number; readonly watcherIntervalMs: number };
  /** Newest first. */
  readonly subjectPeppers: readonly Pepper[];
  readonly policy: {
    readonly file?: string;
    /** What the policy file leaves open. */
    readonly defaults: { readonly resultTimeoutMs: number; readonly autoRetries: number; readonly retryBackoffMs: number; readonly maxRetryBackoffMs: number; readonly parkingWindowMs: number; readonly dueInMs: number; readonly verificationDeadlineMs: number; readonly workerSlots: number };
  };
  readonly softDeleteGraceMs: number;
  readonly tenantPurgeGraceMs: number;
  readonly inventoryMaxStalenessMs: number;
  /** Asked over HTTP about a tenant's services; without it the events tell. */
  readonly inventoryAuthority?: { readonly url: string; readonly token?: string | undefined };
  /** How the ledger is compared with Temporal. */
  readonly reconcile: { readonly everyMs: number; readonly quietMs: number; readonly perSecond: number };
  /** Asked over HTTP what exists of a user; without it the local index tells. */
  readonly owners?: { readonly urls: Readonly<Record<OwnerService, string>>; readonly token?: string | undefined; readonly timeoutMs: number };
  readonly outbox: { readonly pollMs: number; readonly batch: number; readonly keepMs: number };
  readonly worker: { readonly workflowTaskSlots: number; readonly cachedWorkflows: number; readonly stackTraces: boolean; readonly bundleFile: string | undefined; /** Which release the workers are, by Worker Versioning. */ readonly version?: WorkerVersion };
  readonly api: {
    readonly host: string;
    readonly port: number;
    /** Without it nobody is asked for a token. */
    readonly auth?: ApiAuthConfig;
    readonly requestsPerMinute: number;
    readonly corsOrigins: readonly string[];
  };
  readonly client: { readonly apiUrl: string; readonly apiToken?: string };
  readonly health: { readonly host: string; readonly port: number | 'off' };
  /** Without it nothing is traced. */
  readonly tracing?: TracingConfig;
  readonly log: { readonly level: ParsedVariables['LOG_LEVEL'] };
  readonly shutdownTimeoutMs: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What terminals' programs are told about colours: no configuration of Expunge's own. */
export const colourVariables = (env: Environment = process.env) => ({ noColor: env['NO_COLOR'], forceColor: env['FORCE_COLOR'], term: env['TERM'] });

/**
 * Reads the environment, once. An empty variable counts as unset.
 * @param roles those that will run: what they cannot do without is asked for at once.
 * @throws ConfigFault naming every fault.
 */
export function loadConfig(env: Environment = process.env, { roles = [] }: { readonly roles?: readonly Role[] } = {}): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== '')) as Record<string, string>;
  const faults: Fault[] = [];
  for (const [variable, schema] of Object.entries(VARIABLES)) {
    const needing = roles.filter((role) => aboutVariable.get(schema)?.requiredBy?.includes(role));
    if (given[variable] === undefined && needing.length > 0) faults.push({ variable, remedy: `not set; the role ${needing.join(', ')} needs it: ${aboutVariable.get(schema)?.description ?? ''}` });
  }
  const parsed = z.object(VARIABLES).safeParse(given);
  for (const issue of parsed.error?.issues ?? []) {
    const variable = String(issue.path[0]);
    const secret = aboutVariable.get(VARIABLES[variable as VariableName])?.secret;
    faults.push({ variable, remedy: issue.message, ...(secret ? {} : { value: given[variable] ?? '' }) });
  }
  faults.push(...togetherFaults(given));
  const tls = readTls(given, faults);
  faults.push(...databaseFileFaults(given['DATABASE_URL']));
  const temporal = readTemporal(given, faults);
  if (!parsed.success || faults.length > 0) throw new ConfigFault(faults);
  return shape(parsed.data, tls, temporal);
}

const OWNER_URLS = ['CONTENT_SERVICE_URL', 'MEDIA_SERVICE_URL', 'MESSAGING_SERVICE_URL', 'IDENTITY_SERVICE_URL'] as const satisfies readonly VariableName[];

/** Variables that make sense only together. */
function togetherFaults(given: Environment): Fault[] {
  const needs = (variable: VariableName, ...others: VariableName[]): Fault[] =>
    given[variable] === undefined ? [] : others.filter((other) => given[other] === undefined).map((other) => ({ variable: other, remedy: `not set, and ${variable} needs it` }));
  const faults = [
    ...needs('KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'),
    ...needs('KAFKA_SASL_USERNAME', 'KAFKA_SASL_MECHANISM'),
    ...needs('KAFKA_TLS_CERT', 'KAFKA_TLS_KEY'),
    ...needs('KAFKA_TLS_KEY', 'KAFKA_TLS_CERT'),
    ...(given.API_JWKS_URL === undefined ? needs('API_JWKS_FILE', 'API_JWT_ISSUER', 'API_JWT_AUDIENCE') : needs('API_JWKS_URL', 'API_JWT_ISSUER', 'API_JWT_AUDIENCE')),
    ...needs('AIRFLOW_USERNAME', 'AIRFLOW_PASSWORD'),
    ...needs('AIRFLOW_PASSWORD', 'AIRFLOW_USERNAME'),
    ...needs('WORKER_DEPLOYMENT', 'WORKER_BUILD_ID'),
    ...needs('WORKER_BUILD_ID', 'WORKER_DEPLOYMENT'),
  ];
  if (given.ENABLE_DIRECT_CALL !== undefined && VARIABLES.ENABLE_DIRECT_CALL.safeParse(given.ENABLE_DIRECT_CALL).data === true) faults.push(...needs('ENABLE_DIRECT_CALL', ...OWNER_URLS));
  const tlsFiles = (['KAFKA_TLS_CA', 'KAFKA_TLS_CERT', 'KAFKA_TLS_KEY'] as const).filter((name) => given[name] !== undefined);
  if (tlsFiles.length > 0 && given.KAFKA_TLS?.trim().toLowerCase() !== 'true') faults.push({ variable: 'KAFKA_TLS', remedy: `not true, though ${tlsFiles.join(', ')} is set: set it to true, or leave the files out` });
  if (given.API_JWKS_URL !== undefined && given.API_JWKS_FILE !== undefined) faults.push({ variable: 'API_JWKS_FILE', remedy: 'set as well as API_JWKS_URL: leave one of them out' });
  // Whoever sets these believes that callers are asked for a token.
  for (const variable of ['API_JWT_ISSUER', 'API_JWT_AUDIENCE'] as const) {
    if (given[variable] !== undefined && given.API_JWKS_URL === undefined && given.API_JWKS_FILE === undefined) faults.push({ variable, remedy: 'set, though neither API_JWKS_URL nor API_JWKS_FILE says by which keys tokens are verified' });
  }
  if (given.AIRFLOW_TOKEN !== undefined && given.AIRFLOW_USERNAME !== undefined) faults.push({ variable: 'AIRFLOW_TOKEN', remedy: 'set as well as AIRFLOW_USERNAME: leave one of them out' });
  return faults;
}

function readTls(given: Environment, faults: Fault[]): NonNullable<KafkaConfig['tls']> {
  const read = (variable: VariableName): string | undefined => {
    const path = given[variable];
    if (path === undefined) return undefined;
    try {
      return readFileSync(path.trim(), 'utf8');
    } catch (error) {
      faults.push({ variable, value: path, remedy: `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): name a PEM file that this process may read` });
      return undefined;
    }
  };
  const [ca, cert, key] = [read('KAFKA_TLS_CA'), read('KAFKA_TLS_CERT'), read('KAFKA_TLS_KEY')];
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

/** Certificates that PostgreSQL's address names are read at each connection: whether they can be is asked at the start. */
function databaseFileFaults(url: string | undefined): Fault[] {
  if (url === undefined || !URL.canParse(url)) return [];
  const { searchParams } = new URL(url);
  return ['sslrootcert', 'sslcert', 'sslkey'].flatMap((name) => {
    const path = searchParams.get(name);
    if (path === null) return [];
    try {
      readFileSync(path);
      return [];
    } catch (error) {
      return [{ variable: 'DATABASE_URL', remedy: `its ${name} (${path}) cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): name a PEM file that this process may read` }];
    }
  });
}

function readTemporal(given: Record<string, string>, faults: Fault[]): Omit<TemporalConfig, 'uiUrl'> {
  try {
    const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({ overrideEnvVars: given });
    const set = Object.fromEntries(Object.entries(connectionOptions).filter(([, value]) => value !== undefined));
    return { connection: set, namespace };
  } catch (error) {
    faults.push({ variable: 'TEMPORAL_*', remedy: error instanceof Error ? error.message : String(error) });
    return { connection: {}, namespace: 'default' };
  }
}

function shape(vars: ParsedVariables, tls: NonNullable<KafkaConfig['tls']>, temporal: Omit<TemporalConfig, 'uiUrl'>): Config {
  const demanded = <N extends VariableName>(name: N): NonNullable<ParsedVariables[N]> => {
    const value = vars[name];
    if (value === undefined) throw new ConfigFault([{ variable: name, remedy: `not set: ${aboutVariable.get(VARIABLES[name])?.description ?? ''}` }]);
    return value;
  };
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = vars;
  const credentials: AirflowCredentials | undefined = vars.AIRFLOW_TOKEN !== undefined ? { token: vars.AIRFLOW_TOKEN }
    : vars.AIRFLOW_USERNAME !== undefined && vars.AIRFLOW_PASSWORD !== undefined ? { username: vars.AIRFLOW_USERNAME, password: vars.AIRFLOW_PASSWORD } : undefined;
  return {
    kafka: {
      get brokers() { return demanded('KAFKA_BROKERS'); },
      topicPrefix: vars.KAFKA_TOPIC_PREFIX,
      novaTopics: {
        content: contentEventsTopic(vars.KAFKA_TOPIC_PREFIX),
        media: vars.KAFKA_MEDIA_EVENTS_TOPIC ?? vars.KAFKA_EVENTS_TOPIC ?? 'nova.media.events',
        identity: vars.KAFKA_IDENTITY_EVENTS_TOPIC,
        message: vars.KAFKA_MESSAGE_EVENTS_TOPIC,
      },
      ...(mechanism && username !== undefined && password !== undefined ? { sasl: { mechanism, username, password } } : {}),
      ...(vars.KAFKA_TLS ? { tls } : {}),
    },
    temporal: { ...temporal, ...(vars.TEMPORAL_UI_URL === undefined ? {} : { uiUrl: vars.TEMPORAL_UI_URL }) },
    database: { get url() { return demanded('DATABASE_URL'); }, poolSize: vars.DATABASE_POOL_SIZE, statementTimeoutMs: vars.DATABASE_STATEMENT_TIMEOUT },
    airflow: {
      get apiUrl() { return demanded('AIRFLOW_API_URL'); },
      ...(credentials ? { credentials } : {}),
      requestTimeoutMs: vars.AIRFLOW_REQUEST_TIMEOUT,
      dagMissingGraceMs: vars.AIRFLOW_DAG_MISSING_GRACE,
      watcherIntervalMs: vars.WATCHER_INTERVAL,
    },
    get subjectPeppers() { return demanded('SUBJECT_PEPPER'); },
    policy: {
      ...(vars.POLICY_FILE === undefined ? {} : { file: vars.POLICY_FILE }),
      defaults: { resultTimeoutMs: vars.RESULT_TIMEOUT, autoRetries: vars.AUTO_RETRIES, retryBackoffMs: vars.RETRY_BACKOFF, maxRetryBackoffMs: vars.MAX_RETRY_BACKOFF, parkingWindowMs: vars.PARKING_WINDOW, dueInMs: vars.DUE_IN, verificationDeadlineMs: vars.VERIFICATION_DEADLINE, workerSlots: vars.WORKER_ACTIVITY_SLOTS },
    },
    softDeleteGraceMs: vars.SOFT_DELETE_GRACE,
    tenantPurgeGraceMs: vars.TENANT_PURGE_GRACE,
    inventoryMaxStalenessMs: vars.INVENTORY_MAX_STALENESS,
    ...(vars.SERVICE_INVENTORY_URL === undefined ? {} : { inventoryAuthority: { url: vars.SERVICE_INVENTORY_URL, token: vars.SERVICE_INVENTORY_TOKEN } }),
    reconcile: { everyMs: vars.RECONCILE_EVERY, quietMs: vars.RECONCILE_QUIET, perSecond: vars.RECONCILE_RATE },
    ...(vars.ENABLE_DIRECT_CALL !== true ? {} : { owners: {
      urls: { 'content-service': demanded('CONTENT_SERVICE_URL'), 'media-service': demanded('MEDIA_SERVICE_URL'), messaging: demanded('MESSAGING_SERVICE_URL'), 'identity-service': demanded('IDENTITY_SERVICE_URL') },
      token: vars.OWNER_COUNTS_TOKEN,
      timeoutMs: vars.OWNER_COUNTS_TIMEOUT,
    } }),
    outbox: { pollMs: vars.OUTBOX_POLL, batch: vars.OUTBOX_BATCH, keepMs: vars.OUTBOX_KEEP },
    worker: { workflowTaskSlots: vars.WORKER_WORKFLOW_TASK_SLOTS, cachedWorkflows: vars.WORKER_CACHED_WORKFLOWS, stackTraces: vars.WORKER_STACK_TRACES, bundleFile: vars.WORKFLOW_BUNDLE, ...(vars.WORKER_DEPLOYMENT !== undefined && vars.WORKER_BUILD_ID !== undefined && { version: { deploymentName: vars.WORKER_DEPLOYMENT, buildId: vars.WORKER_BUILD_ID } }) },
    api: { host: vars.API_HOST, port: vars.API_PORT, ...apiAuth(vars), requestsPerMinute: vars.API_RATE_LIMIT, corsOrigins: vars.API_CORS_ORIGINS ?? [] },
    client: { apiUrl: vars.EXPUNGE_API_URL, ...(vars.EXPUNGE_API_TOKEN === undefined ? {} : { apiToken: vars.EXPUNGE_API_TOKEN }) },
    health: { host: vars.HEALTH_HOST, port: vars.HEALTH_PORT },
    ...tracingOf(vars),
    log: { level: vars.LOG_LEVEL },
    shutdownTimeoutMs: vars.SHUTDOWN_TIMEOUT,
  };
}

function apiAuth(vars: ParsedVariables): { readonly auth?: ApiAuthConfig } {
  const { API_JWKS_URL: url, API_JWKS_FILE: file, API_JWT_ISSUER: issuer, API_JWT_AUDIENCE: audience } = vars;
  const jwks = url === undefined ? (file === undefined ? undefined : { file }) : { url };
  if (!jwks || issuer === undefined || audience === undefined) return {};
  return { auth: { jwks, issuer, audience, algorithms: vars.API_JWT_ALGORITHMS, claims: { roles: vars.API_JWT_ROLES_CLAIM, tenant: vars.API_JWT_TENANT_CLAIM } } };
}
