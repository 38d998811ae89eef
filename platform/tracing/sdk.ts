import { randomUUID } from 'node:crypto';
import { context, diag, DiagLogLevel, trace, type DiagLogger } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, RandomIdGenerator, TraceIdRatioBasedSampler, TracerProvider, type IdGenerator, type Sampler } from '@opentelemetry/sdk-trace';
import type { TracingConfig } from '../config-tracing.js';
import { within } from '../deadline.js';
import type { Log } from '../log.js';
import { setTracing, takeWantedTraceId } from './spans.js';

/** Tracing that runs in this process. */
export interface RunningTracing {
  /** Sends what is left, for as long as is allowed, and ends. */
  stop(): Promise<void>;
}

/** What is left when the process stops is not worth a longer wait for a collector that does not answer. */
const LAST_SEND_TIMEOUT_MS = 3_000;
const MOST_TEXT = 300;

/** Starts OpenTelemetry's SDK: spans go to a collector over OTLP, in batches. There is one per process. Load this module only when it is wanted. */
export function startTracing(config: TracingConfig, log: Log): RunningTracing {
  diag.setLogger(diagnosticsTo(log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const exporter = new OTLPTraceExporter({ url: config.url, headers: { ...config.headers }, timeoutMillis: config.timeoutMs });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.instance.id': randomUUID(), ...config.resourceAttributes, 'service.name': config.serviceName }),
    sampler: samplerOf(config.sampler),
    idGenerator: traceIdsAsWanted(),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: config.scheduleDelayMs, maxQueueSize: config.maxQueueSize, maxExportBatchSize: Math.min(512, config.maxQueueSize), exportTimeoutMillis: config.timeoutMs })],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  setTracing(true);
  return {
    stop: async () => {
      setTracing(false);
      // A collector that is away must not make the stop of a role a failure.
      const sent = provider.shutdown().catch((error: unknown) => { log.warn({ err: error }, 'the last spans could not be sent'); });
      if (!(await within(sent, LAST_SEND_TIMEOUT_MS))) log.warn({ timeoutMs: LAST_SEND_TIMEOUT_MS }, 'the last spans could not be sent in time');
      trace.disable();
      context.disable();
      diag.disable();
    },
  };
}

function samplerOf({ name, ratio }: TracingConfig['sampler']): Sampler {
  const root = name.endsWith('always_off') ? new AlwaysOffSampler() : name.endsWith('traceidratio') ? new TraceIdRatioBasedSampler(ratio) : new AlwaysOnSampler();
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

/** A request whose traceId can be that of a trace has its trace under it. */
function traceIdsAsWanted(): IdGenerator {
  const random = new RandomIdGenerator();
  return { generateSpanId: () => random.generateSpanId(), generateTraceId: () => takeWantedTraceId() ?? random.generateTraceId() };
}

/** The SDK speaks of errors in JSON, with stacks; of that its message is logged. */
function diagnosticsTo(log: Log): DiagLogger {
  const say = (level: 'debug' | 'warn') => (message: string, ...more: unknown[]) => {
    const details = more.map((one) => (one instanceof Error ? one.message : typeof one === 'string' ? one : undefined)).filter((one) => one !== undefined);
    log[level]({ reason: [message, ...details].join(' ').slice(0, MOST_TEXT) }, 'OpenTelemetry: spans may be lost');
  };
  return { error: say('warn'), warn: say('warn'), info: say('debug'), debug: say('debug'), verbose: say('debug') };
}
