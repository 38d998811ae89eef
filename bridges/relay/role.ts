import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createProducer } from '../../bus/producer.js';
import { within } from '../../platform/deadline.js';
import type { RoleDeps, StartRole } from '../../platform/roles.js';
import { connectClient, type TemporalClient } from '../../platform/temporal.js';
import type { Database } from '../../store/database.js';
import { outboxStats, purgeSent } from '../../store/outbox.js';
import { kafkaFor } from '../bus-connection.js';
import { openLedger } from '../ledger-connection.js';
import { periodically, type Periodic } from '../periodically.js';
import { keepLaneLeases } from './lane-leases.js';
import { createSender, type SenderOptions } from './sender.js';
import { kafkaTransport, signalTransport } from './transports.js';
import { listenForRows, type Written } from './wake-up.js';

/** As long as a dead member keeps its Kafka partitions. */
const LEASE_MS = 6_000;
const MOST_RETRIES = 5;
const REFUSAL_BACKOFF_MS = 500;
const OUTAGE_BACKOFF = { firstMs: 200, maxMs: 5_000 };
const STATS_EVERY_MS = 5_000;
const PURGE_EVERY_MS = 60_000;
const PURGE_AT_ONCE = 1_000;
/** A send that hangs in an outage is left behind after this; its rows are unsent still and go out again. */
const STOP_WITHIN_MS = 5_000;
const STOP_CONNECTING_WITHIN_MS = 500;

/** Sends what the outbox holds to Kafka and Temporal, each without waiting for the other. */
export const startRelay: StartRole = async (deps) => {
  const { config, log, metrics } = deps;
  const database = await openLedger('relay', deps);
  const producer = createProducer({ kafka: kafkaFor('relay', config, log), log });
  const senders = new Map<SenderOptions['target'], Periodic>();
  /** Signals are few: whoever sends to Kafka wakes their sender only if some may wait for that. */
  let signalsWait = true;
  const wake = (written?: Written): void => {
    // Whoever gains a lane looks at all of it.
    if (written && !leases.holds(written.lane)) return;
    if (written?.target !== 'kafka') signalsWait = true;
    for (const [target, sender] of senders) if (written === undefined || target === written.target) sender.wake();
  };
  const leases = keepLaneLeases({ database, holder: `${hostname()}/${process.pid}/${randomUUID()}`, ttlMs: LEASE_MS, log, onGain: wake });
  const startSender = (part: Pick<SenderOptions, 'target' | 'transport' | 'onSent' | 'onLeft'>): void => {
    const send = createSender({ ...part, database, leases, batch: config.outbox.batch, mostRetries: MOST_RETRIES, refusalBackoffMs: REFUSAL_BACKOFF_MS, metrics, log });
    senders.set(part.target, periodically(send, { name: `relay to ${part.target}`, everyMs: config.outbox.pollMs, log, backoff: OUTAGE_BACKOFF }));
  };
  startSender({
    target: 'kafka',
    transport: kafkaTransport(producer),
    onSent: () => {
      if (signalsWait) senders.get('signal')?.wake();
    },
  });
  const temporal = connectInBackground(deps, ({ client }) =>
    startSender({ target: 'signal', transport: signalTransport(client), onSent: () => senders.get('kafka')?.wake(), onLeft: (waits) => (signalsWait = waits) }));
  const wakeUp = listenForRows(database, wake, log);
  const upkeep = startUpkeep(deps, database);

  return {
    ready: () => leases.healthy(),
    stop: async () => {
      await Promise.all([temporal.stopConnecting(), wakeUp.stop(), ...upkeep.map((one) => one.stop())]);
      await within(Promise.all([...senders.values()].map((sender) => sender.stop())), STOP_WITHIN_MS);
      await leases.stop();
      await within(producer.close(), STOP_WITHIN_MS);
      await temporal.close();
      await database.close();
    },
  };
};

/** Temporal may be out while rows to Kafka have to go: its connection is made beside. */
function connectInBackground({ config, log, stopping }: RoleDeps, onConnected: (temporal: TemporalClient) => void): { stopConnecting: () => Promise<void>; close: () => Promise<void> } {
  const giveUp = new AbortController();
  const signal = stopping ? AbortSignal.any([stopping, giveUp.signal]) : giveUp.signal;
  let connected: TemporalClient | undefined;
  const connecting = periodically(
    async () => {
      if (connected) return;
      const temporal = await connectClient(config, { log, signal });
      if (signal.aborted) return temporal.close();
      connected = temporal;
      onConnected(temporal);
    },
    { name: 'connection of the relay to Temporal', everyMs: 3_600_000, log },
  );
  return {
    stopConnecting: async () => {
      giveUp.abort(new Error('the relay stops'));
      // A try that is under way cannot be broken off.
      await within(connecting.stop(), STOP_CONNECTING_WITHIN_MS);
    },
    close: async () => connected?.close(),
  };
}

/** Gauges, and the purge of what was sent a while ago. */
function startUpkeep({ config, metrics, log }: RoleDeps, database: Database): Periodic[] {
  const stats = async (): Promise<void> => {
    const { unsent, oldestSeconds, dead } = await outboxStats(database);
    metrics.outboxUnsent.set(unsent);
    metrics.outboxOldest.set(oldestSeconds);
    metrics.outboxDead.set(dead);
  };
  const purge = async (): Promise<number | undefined> => ((await purgeSent(database, config.outbox.keepMs, PURGE_AT_ONCE)) < PURGE_AT_ONCE ? undefined : 0);
  return [periodically(stats, { name: 'outbox gauges', everyMs: STATS_EVERY_MS, log }), periodically(purge, { name: 'outbox purge', everyMs: PURGE_EVERY_MS, log })];
}
