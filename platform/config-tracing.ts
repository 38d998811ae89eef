import type { ParsedVariables } from './config-variables.js';

/** Where spans go and which are made. */
export interface TracingConfig {
  /** The collector's whole address. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly sampler: { readonly name: ParsedVariables['OTEL_TRACES_SAMPLER']; /** For those by ratio. */ readonly ratio: number };
  readonly scheduleDelayMs: number;
  readonly maxQueueSize: number;
}

/** OpenTelemetry's own variables: read with all others, so that what is wrong with one is said in the same way. */
export function tracingOf(vars: ParsedVariables): { readonly tracing?: TracingConfig } {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: whole } = vars;
  const url = whole ?? (base === undefined ? undefined : `${base}/v1/traces`);
  if (url === undefined || vars.OTEL_SDK_DISABLED) return {};
  return {
    tracing: {
      url,
      headers: vars.OTEL_EXPORTER_OTLP_HEADERS ?? {},
      timeoutMs: vars.OTEL_EXPORTER_OTLP_TIMEOUT,
      serviceName: vars.OTEL_SERVICE_NAME,
      resourceAttributes: vars.OTEL_RESOURCE_ATTRIBUTES ?? {},
      sampler: { name: vars.OTEL_TRACES_SAMPLER, ratio: vars.OTEL_TRACES_SAMPLER_ARG },
      scheduleDelayMs: vars.OTEL_BSP_SCHEDULE_DELAY,
      maxQueueSize: vars.OTEL_BSP_MAX_QUEUE_SIZE,
    },
  };
}
