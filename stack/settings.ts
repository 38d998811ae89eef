import { z } from 'zod';

/** Environment variables as a value: read by the entry point, handed on from there. */
export type Environment = Readonly<Record<string, string | undefined>>;

const port = z.coerce.number().int().min(1).max(65_535).optional();

/** What a person may set about the stack itself. */
const stackSettings = z.object({
  STACK_AIRFLOW: z.enum(['simulated', 'real', 'none']).default('simulated'),
  /** Ways to get a part that may be tried, beside its address in the environment; all when left out. */
  STACK_SOURCES: z
    .string()
    .default('compose,machine,registry')
    .transform((list) => list.split(',').map((source) => source.trim()))
    .pipe(z.array(z.enum(['compose', 'machine', 'registry'])).min(1)),
  STACK_TEMPORAL_PORT: port,
  STACK_TEMPORAL_UI_PORT: port,
  STACK_TEMPORAL_HTTP_PORT: port,
  STACK_TEMPORAL_METRICS_PORT: port,
  STACK_KAFKA_PORT: port,
  STACK_KAFKA_CONTROLLER_PORT: port,
  STACK_POSTGRES_PORT: port,
  STACK_AIRFLOW_PORT: port,
  API_PORT: port,
});
export type StackSettings = z.infer<typeof stackSettings>;

/**
 * The stack's settings.
 * @throws Error that names every variable at fault.
 */
export function readStackSettings(env: Environment): StackSettings {
  const names = Object.keys(stackSettings.shape);
  const given = Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
  const result = stackSettings.safeParse(given);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `  ${name}=${env[name] ?? ''}: ${issue.message}`;
  });
  throw new Error(`The environment does not fit:\n${faults.join('\n')}`);
}
