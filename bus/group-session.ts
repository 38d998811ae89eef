import { setMaxListeners } from 'node:events';
import type { Consumer as KafkaConsumer, EachBatchPayload, OffsetsByTopicPartition } from 'kafkajs';
import { groupPositions } from './admin.js';
import { backoffMs } from './backoff.rules.js';
import { within } from '../platform/deadline.js';
import { type DeliveryOptions, deliveryJob } from './delivery.js';
import type { FinishedLate } from './finished-late.js';
import { type KafkaClient, rootCause } from './kafka.js';
import type { KeyedDispatcher } from './keyed-dispatcher.js';
import type { MessageHandler } from './messages.js';
import { PartitionWindow, type WindowEntry, type WindowLimits } from './partition-window.js';
import { startPlan } from './start-position.rules.js';

export interface SessionOptions extends DeliveryOptions, WindowLimits {
  readonly kafka: KafkaClient;
  readonly groupId: string;
  readonly routes: ReadonlyMap<string, MessageHandler>;
  readonly dispatcher: KeyedDispatcher;
  readonly finishedLate: FinishedLate;
  readonly sessionTimeoutMs: number;
  readonly commitIntervalMs: number;
}

/** Commits that fail for longer than this end the session: kafkajs may hold on to a coordinator that moved. */
const MAX_COMMIT_FAILURE_MS = 60_000;
/** How long a fetch waits for messages, and how long a resumed partition may wait for the next fetch. */
const FETCH_WAIT_MS = 200;
/** How soon partitions that were added are read. */
const METADATA_MAX_AGE_MS = 15_000;
const GONE = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID']);
const name = (topic: string, partition: number): string => `${topic}/${partition}`;

/**
 * One life of a kafkajs consumer, from joining the group to its crash or stop. kafkajs fetches and keeps the membership;
 * what is under way, where to read on and what is committed is decided here.
 */
export class GroupSession {
  readonly #options: SessionOptions;
  readonly #consumer: KafkaConsumer;
  readonly #windows = new Map<string, { readonly topic: string; readonly partition: number; readonly window: PartitionWindow }>();
  /** Partitions that are ours and whose window may be used. */
  readonly #positioned = new Set<string>();
  /** Paused because their windows are full. */
  readonly #full = new Set<string>();
  /** Counts the generations; what began in an earlier one must not act in this one. */
  #epoch = 0;
  #assigned = new Map<string, { readonly topic: string; readonly partition: number }>();
  #commitNow: ((offsets: OffsetsByTopicPartition) => Promise<void>) | undefined;
  #committing: Promise<void> | undefined;
  #commitFailingSince: number | undefined;
  #draining = false;
  #lastSignOfLife = Date.now();
  #end!: (reason: Error | undefined) => void;
  #join!: () => void;
  /** Resolves when the session is over: with the reason, or undefined if it was stopped. */
  readonly ended = new Promise<Error | undefined>((resolve) => (this.#end = resolve));
  /** Resolves when the group was joined for the first time. */
  readonly joined = new Promise<void>((resolve) => (this.#join = resolve));

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#consumer = options.kafka.consumer({
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: Math.floor(options.sessionTimeoutMs / 4),
      rebalanceTimeout: Math.max(30_000, options.sessionTimeoutMs),
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytesPerPartition: 512 * 1024,
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      retry: { initialRetryTime: 100, maxRetryTime: 3000, retries: 6, restartOnFailure: () => Promise.resolve(false) },
    });
  }

  /** Joins the group. @throws when Kafka cannot be reached */
  async start(): Promise<void> {
    const { CRASH, GROUP_JOIN, HEARTBEAT, FETCH, REBALANCING, START_BATCH_PROCESS } = this.#consumer.events;
    const alive = (): void => {
      this.#lastSignOfLife = Date.now();
    };
    this.#consumer.on(HEARTBEAT, alive);
    this.#consumer.on(FETCH, alive);
    this.#consumer.on(CRASH, ({ payload }) => {
      this.#end(payload.error);
    });
    this.#consumer.on(REBALANCING, () => {
      this.#options.metrics.rebalanced?.(this.#options.groupId);
      void this.commit();
    });
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      this.#onJoin(payload.memberAssignment);
    });
    this.#consumer.on(START_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
      // A batch of control records only is passed over by kafkajs without asking.
      if (batchSize === 0) this.#windows.get(name(topic, partition))?.window.skipTo(BigInt(lastOffset) + 1n);
    });
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.#options.routes.keys()], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: (payload) => {
        this.#onBatch(payload);
        return Promise.resolve();
      },
    });
    const timer = setInterval(() => void this.commit(), this.#options.commitIntervalMs);
    void this.ended.then(() => clearInterval(timer));
  }

  /** The group was joined, and is not left. */
  get isMember(): boolean {
    return this.#epoch > 0 && !this.#draining;
  }

  /** Since the last heartbeat, fetch or join, or since the session began. */
  get silentForMs(): number {
    return Date.now() - this.#lastSignOfLife;
  }

  /** Partitions that this process reads. */
  get assigned(): readonly { readonly topic: string; readonly partition: number }[] {
    return [...this.#assigned.values()];
  }

  /** Ends the session from outside, as if it had crashed. */
  abandon(reason: Error): void {
    this.#end(reason);
  }

  /** Takes nothing new, lets what runs finish within the time, commits what is done and leaves the group. */
  async stop(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#pause(this.assigned);
    for (const { window } of this.#windows.values()) window.ended.abort();
    await within(this.#options.dispatcher.idle(), timeoutMs);
    await within(this.commit().then(() => this.commit()), 5000);
    await this.close();
  }

  /** Leaves without committing; what was not committed comes again. */
  async close(): Promise<void> {
    this.#draining = true;
    for (const { window } of this.#windows.values()) window.ended.abort();
    await within(this.#consumer.disconnect().catch((error: unknown) => {
      this.#options.log.debug({ cause: rootCause(error).message }, 'a consumer did not disconnect cleanly');
    }), 10_000);
    this.#end(undefined);
  }

  #onJoin(assignment: Readonly<Record<string, readonly number[]>>): void {
    this.#epoch++;
    this.#lastSignOfLife = Date.now();
    this.#assigned = new Map(Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((partition) => [name(topic, partition), { topic, partition }])));
    this.#positioned.clear();
    for (const [key, { window }] of this.#windows) {
      if (this.#assigned.has(key)) continue;
      window.ended.abort();
      this.#windows.delete(key);
    }
    this.#options.log.info({ groupId: this.#options.groupId, partitions: this.#assigned.size }, 'joined the consumer group');
    void this.#position(this.assigned);
    this.#join();
  }

  /** Finds out where to read on, for partitions that are ours; they are paused until then. */
  async #position(partitions: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    if (partitions.length === 0) return;
    const epoch = this.#epoch;
    const { kafka, groupId, log } = this.#options;
    for (const { topic, partition } of partitions) this.#positioned.delete(name(topic, partition));
    this.#pause(partitions);
    const topics = [...new Set(partitions.map(({ topic }) => topic))];
    for (let attempt = 1; this.#isCurrent(epoch); attempt++) {
      try {
        const positions = await groupPositions(kafka, groupId, topics);
        // Another generation began while we asked: it asks for itself.
        if (!this.#isCurrent(epoch)) return;
        for (const { topic, partition } of partitions) {
          const position = positions.get(topic)?.get(partition);
          if (position) this.#begin(topic, partition, position);
        }
        return;
      } catch (error) {
        log.warn({ groupId, cause: rootCause(error).message, attempt }, 'the positions of the group cannot be read; reading waits');
        await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt, 200, 5000, Math.random())));
      }
    }
  }

  #begin(topic: string, partition: number, position: Parameters<typeof startPlan>[1]): void {
    const key = name(topic, partition);
    const known = this.#windows.get(key)?.window;
    const plan = startPlan(known, position);
    let window = known;
    if (plan.kind === 'start' || !window) {
      known?.ended.abort();
      window = new PartitionWindow(plan.kind === 'start' ? plan.at : position.low);
      // Every message in work may listen.
      setMaxListeners(0, window.ended.signal);
      this.#windows.set(key, { topic, partition, window });
      if (plan.kind === 'start' && plan.gap) this.#options.log.error({ topic, partition, gap: plan.gap, committed: String(position.committed), low: String(position.low), high: String(position.high) }, 'the committed offset is not in the topic; reading from its beginning');
    }
    this.#positioned.add(key);
    this.#consumer.seek({ topic, partition, offset: String(window.nextFetch) });
    if (window.isFull(this.#options)) this.#full.add(key);
    else this.#resume(key, topic, partition);
  }

  #onBatch(payload: EachBatchPayload): void {
    this.#commitNow = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    const { batch } = payload;
    const { topic, partition, messages } = batch;
    const key = name(topic, partition);
    const window = this.#windows.get(key)?.window;
    const handler = this.#options.routes.get(topic);
    // What is not resolved is fetched again, by whoever it belongs to.
    if (this.#draining || payload.isStale() || !window || !handler || !this.#positioned.has(key)) return;
    const { fetchedOffset } = batch as unknown as { readonly fetchedOffset: string };
    if (BigInt(fetchedOffset) !== window.nextFetch) {
      void this.#position([{ topic, partition }]);
      return;
    }
    const byOffset = new Map(messages.map((message) => [BigInt(message.offset), message]));
    for (const entry of window.take([...byOffset.keys()])) {
      const message = byOffset.get(entry.offset);
      if (!message) continue;
      const delivery = {
        message: { topic, partition, offset: message.offset, timestampMs: Number(message.timestamp), key: message.key, value: message.value, headers: message.headers ?? {}, signal: window.ended.signal },
        handler,
        alreadyDone: () => this.#options.finishedLate.take(topic, partition, message.offset),
        done: () => this.#onDone(topic, partition, window, entry),
      };
      this.#options.dispatcher.submit(deliveryJob(delivery, this.#options));
    }
    payload.resolveOffset(batch.lastOffset());
    window.skipTo(BigInt(batch.lastOffset()) + 1n);
    if (window.isFull(this.#options)) {
      this.#full.add(key);
      this.#pause([{ topic, partition }]);
    }
  }

  #onDone(topic: string, partition: number, window: PartitionWindow, entry: WindowEntry): void {
    window.markDone(entry);
    const key = name(topic, partition);
    if (window.ended.signal.aborted) {
      this.#options.finishedLate.add(topic, partition, entry.offset);
    } else if (this.#full.has(key) && this.#positioned.has(key) && window.hasRoom(this.#options)) {
      this.#resume(key, topic, partition);
    }
  }

  #resume(key: string, topic: string, partition: number): void {
    this.#full.delete(key);
    this.#consumer.resume([{ topic, partitions: [partition] }]);
  }

  #isCurrent(epoch: number): boolean {
    return epoch === this.#epoch && !this.#draining;
  }

  #pause(partitions: readonly { readonly topic: string; readonly partition: number }[]): void {
    try {
      this.#consumer.pause(partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })));
    } catch (error) {
      // Only a consumer that is not running refuses; it fetches nothing either.
      this.#options.log.debug({ cause: rootCause(error).message }, 'pause of a consumer that does not run');
    }
  }

  /** Commits what is done at the front of each partition. Never rejects: the next one tries again. */
  async commit(): Promise<void> {
    this.#committing ??= this.#commitOnce().finally(() => (this.#committing = undefined));
    await this.#committing;
  }

  async #commitOnce(): Promise<void> {
    const epoch = this.#epoch;
    const news = [...this.#windows].filter(([key, { window }]) => this.#positioned.has(key) && window.hasNewsToCommit);
    if (news.length === 0 || !this.#commitNow) return;
    const offsets = news.map(([, { topic, partition, window }]) => ({ topic, partition, window, offset: window.committable }));
    const topics = [...new Set(offsets.map(({ topic }) => topic))];
    try {
      // Through the batch's own function: kafkajs's other one tries again by itself, perhaps in the next generation.
      await this.#commitNow({ topics: topics.map((topic) => ({ topic, partitions: offsets.filter((one) => one.topic === topic).map(({ partition, offset }) => ({ partition, offset: String(offset) })) })) });
      this.#commitFailingSince = undefined;
      if (epoch === this.#epoch) for (const { window, offset } of offsets) window.markCommitted(offset);
    } catch (error) {
      const cause = rootCause(error);
      this.#options.log.debug({ groupId: this.#options.groupId, cause: cause.message }, 'a commit failed; the next one tries again');
      if (GONE.has(cause.type ?? '')) return;
      this.#commitFailingSince ??= Date.now();
      if (Date.now() - this.#commitFailingSince > MAX_COMMIT_FAILURE_MS) this.#end(cause);
    }
  }
}
