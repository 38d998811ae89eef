import { existingTopics, groupLag, type PartitionLag } from './admin.js';
import { backoffMs } from './backoff.rules.js';
import type { DeadLetters } from './dead-letters.js';
import { within } from '../platform/deadline.js';
import { pause } from './pause.js';
import { orderByKey, type OrderOf, type Outage } from './delivery.js';
import { FinishedLate } from './finished-late.js';
import { GroupSession } from './group-session.js';
import { type KafkaClient, rootCause } from './kafka.js';
import { KeyedDispatcher } from './keyed-dispatcher.js';
import type { BusLog, ConsumerMetrics, MessageHandler } from './messages.js';
import { createOutageLog } from './outage-log.js';

export interface ConsumerOptions {
  readonly kafka: KafkaClient;
  readonly groupId: string;
  /** Handler by topic. A topic that does not exist yet is waited for; the others are read meanwhile. */
  readonly routes: Readonly<Record<string, MessageHandler>>;
  /** Topics of the routes that may never exist: read once they do, and not missed until then. */
  readonly optionalTopics?: readonly string[];
  readonly deadLetters: DeadLetters;
  readonly log: BusLog;
  /** Messages of one partition that are not done; may be exceeded by what one fetch brings. Default 500. */
  readonly maxInFlight?: number;
  /** Messages since the first of a partition that is not done: what a crash repeats. Default 10,000. */
  readonly maxAhead?: number;
  /** Handlers that run at once, over all partitions; waiting for a next try takes no place. Default 64. */
  readonly maxConcurrency?: number;
  /** How long a dead member keeps its partitions. Default 6 s, the least that a broker allows as it comes (group.min.session.timeout.ms). */
  readonly sessionTimeoutMs?: number;
  /** Default 500 ms. */
  readonly commitIntervalMs?: number;
  /** First wait after an outage, and the longest. Default 200 ms and 10 s. */
  readonly retryBaseMs?: number;
  readonly retryCapMs?: number;
  readonly metrics?: ConsumerMetrics;
  readonly onOutage?: (outage: Outage) => void;
  /** What is handled in order; by key when left out. */
  readonly orderOf?: OrderOf;
}

export interface Consumer {
  /** Begins to read, and goes on through every outage until stop(). Resolves when the group was joined, or on stop(). */
  start(): Promise<void>;
  /** Lets what runs finish within the time, commits what is done, leaves the group. */
  stop(timeoutMs: number): Promise<void>;
  /** How far behind the partitions are that this process reads. @throws if Kafka cannot be asked */
  lag(): Promise<readonly PartitionLag[]>;
  /** A member of its group, and reading. */
  healthy(): boolean;
}

const LOOK_FOR_TOPICS_MS = 5000;
const WATCH_MS = 5000;
/** For the last commit and leaving the group, beyond the time for what runs. */
const STOP_GRACE_MS = 5000;

/**
 * A consumer that loses and skips nothing: order per key (messages without a key are in no order), many keys at once,
 * commits of the done front only, messages that cannot be handled kept as dead letters, outages waited out.
 */
export function createConsumer(options: ConsumerOptions): Consumer {
  const { kafka, groupId, log, metrics = {} } = options;
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 6_000;
  const aliveWithinMs = Math.max(60_000, 3 * sessionTimeoutMs);
  const dispatcher = new KeyedDispatcher(options.maxConcurrency ?? 64);
  const finishedLate = new FinishedLate();
  const logOutage = createOutageLog(log);
  const stopping = new AbortController();
  let session: GroupSession | undefined;
  let running: Promise<void> | undefined;
  let announce: () => void = () => undefined;
  const joined = new Promise<void>((resolve) => (announce = resolve));

  const newSession = (topics: readonly string[]): GroupSession =>
    new GroupSession({
      kafka, groupId, log, metrics, dispatcher, finishedLate, sessionTimeoutMs,
      routes: new Map(Object.entries(options.routes).filter(([topic]) => topics.includes(topic))),
      deadLetters: options.deadLetters,
      maxInFlight: options.maxInFlight ?? 500,
      maxAhead: options.maxAhead ?? 10_000,
      commitIntervalMs: options.commitIntervalMs ?? 500,
      retryBaseMs: options.retryBaseMs ?? 200,
      retryCapMs: options.retryCapMs ?? 10_000,
      orderOf: options.orderOf ?? orderByKey,
      onOutage: (outage) => {
        logOutage(outage);
        options.onOutage?.(outage);
      },
    });

  /** One session, from its start to its end. @throws its reason, unless stopped or there is a new topic to read */
  const runSession = async (topics: readonly string[]): Promise<void> => {
    const current = newSession(topics);
    session = current;
    const missing = Object.keys(options.routes).filter((topic) => !topics.includes(topic));
    let reason: Error | undefined;
    const watch = setInterval(() => {
      if (current.silentForMs > aliveWithinMs) current.abandon(new Error(`no sign of life for ${aliveWithinMs} ms`));
      if (missing.length > 0) void newTopics(missing).then((found) => found && current.abandon(new TopicsAppeared()));
    }, WATCH_MS);
    try {
      void current.joined.then(announce);
      await Promise.race([current.start(), current.ended]);
      reason = await current.ended;
    } finally {
      clearInterval(watch);
      if (!stopping.signal.aborted) {
        session = undefined;
        await (reason instanceof TopicsAppeared ? current.stop(10_000) : current.close());
      }
    }
    if (reason && !(reason instanceof TopicsAppeared)) throw reason;
  };

  const newTopics = async (missing: readonly string[]): Promise<boolean> => {
    try {
      const known = await existingTopics(kafka);
      return missing.some((topic) => known.has(topic));
    } catch (error) {
      log.debug({ cause: rootCause(error).message }, 'topics cannot be listed');
      return false;
    }
  };

  const readableTopics = async (): Promise<readonly string[]> => {
    const known = await existingTopics(kafka);
    const present = Object.keys(options.routes).filter((topic) => known.has(topic));
    const missing = Object.keys(options.routes).filter((topic) => !known.has(topic) && !options.optionalTopics?.includes(topic));
    if (missing.length > 0) log.warn({ groupId, missing }, 'topics are missing and waited for; create them with: expunge setup');
    return present;
  };

  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; ) {
      const startedAt = Date.now();
      try {
        const topics = await readableTopics();
        if (topics.length > 0) await runSession(topics);
        else await pause(LOOK_FOR_TOPICS_MS, stopping.signal);
        failures = 0;
      } catch (error) {
        // A session that held for a while was fine: begin anew with a short wait.
        failures = Date.now() - startedAt > 60_000 ? 1 : failures + 1;
        const waitMs = backoffMs(failures, 300, 15_000, Math.random());
        log.warn({ groupId, cause: rootCause(error).message, waitMs }, 'the consumer is out and will be built anew');
        metrics.consumerRebuilt?.(groupId);
        await pause(waitMs, stopping.signal);
      }
    }
  };

  return {
    start: async () => {
      running ??= run();
      await Promise.race([joined, running]);
    },
    stop: async (timeoutMs) => {
      stopping.abort();
      const startedAt = Date.now();
      await session?.stop(timeoutMs);
      if (running) await within(running, timeoutMs + STOP_GRACE_MS - (Date.now() - startedAt));
    },
    lag: async () => {
      const assigned = session?.assigned ?? [];
      const lags = assigned.length === 0 ? [] : await groupLag(kafka, groupId, [...new Set(assigned.map(({ topic }) => topic))]);
      return lags.filter(({ topic, partition }) => assigned.some((one) => one.topic === topic && one.partition === partition));
    },
    healthy: () => !stopping.signal.aborted && session !== undefined && session.isMember && session.silentForMs < 3 * sessionTimeoutMs,
  };
}

/** Not a failure: a topic that was waited for is there, and the group must be joined anew to read it. */
class TopicsAppeared extends Error {}
