import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eraserDefaults } from './airflow.js';
import type { Part, StackSecrets } from './parts.js';
import { choosePorts } from './ports.js';
import type { Environment, StackSettings } from './settings.js';
import { tokenVariables } from './tokens.js';

const API = { key: 'api', variable: 'API_PORT', usual: 8088 } as const;

/** The ports of the parts that are started here and of Expunge's own API, and the same by the variables that fix them. */
export async function stackPorts(
  local: readonly Part[],
  settings: StackSettings,
  preference: 'usual' | 'any' | undefined,
): Promise<{ ports: Record<string, number>; variables: Record<string, string> }> {
  const wanted = [...local.flatMap((part) => part.ports), API];
  const ports = await choosePorts(
    wanted.map(({ key, variable, usual }) => ({ name: key, fixed: settings[variable], usual: preference === 'usual' ? usual : undefined })),
  );
  return { ports, variables: Object.fromEntries(wanted.map(({ key, variable }) => [variable, String(ports[key])])) };
}

/** What the environment says about a part that it gives the address of. */
const fromEnvironment = (part: Part, environment: Environment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value && part.variablePrefixes.some((prefix) => name.startsWith(prefix)) ? [[name, value]] : [],
    ),
  );

/** Of an API that the person runs elsewhere, or with keys of their own, only they know by which tokens. */
const fromTheirs = ({ EXPUNGE_API_TOKEN: token }: Environment): Record<string, string> => (token ? { EXPUNGE_API_TOKEN: token } : {});

/** What the stack tells its users, by the names of the product's variables. */
export async function stackVariables(
  wanted: readonly Part[],
  local: readonly Part[],
  ports: Readonly<Record<string, number>>,
  secrets: StackSecrets,
  environment: Environment,
  dir: string,
): Promise<Record<string, string>> {
  const variables: Record<string, string> = {
    API_PORT: String(ports[API.key]),
    EXPUNGE_API_URL: environment['EXPUNGE_API_URL'] ?? `http://127.0.0.1:${ports[API.key]}`,
    SUBJECT_PEPPER: environment['SUBJECT_PEPPER'] ?? secrets.subjectPepper,
    TENANT_PURGE_GRACE: environment['TENANT_PURGE_GRACE'] ?? '0s',
    ...(['EXPUNGE_API_URL', 'API_JWKS_URL', 'API_JWKS_FILE'].some((name) => environment[name]) ? fromTheirs(environment) : await tokenVariables(dir)),
  };
  for (const part of wanted) {
    Object.assign(variables, local.includes(part) ? part.env(ports, secrets) : fromEnvironment(part, environment));
  }
  if (wanted.some(({ name }) => name === 'airflow')) {
    Object.assign(variables, eraserDefaults(dir, environment, variables['ERASER_APP_DB_URL'] ?? variables['DATABASE_URL']));
    await mkdir(join(dir, 'data', 'files'), { recursive: true });
  }
  return variables;
}
