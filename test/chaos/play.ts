import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { createKafka, type KafkaClient } from '../../bus/kafka.js';
import { READ_TOPICS } from '../../bus/topics.js';
import { deadLetterTopic, isFinal } from '../../contracts/names/index.js';
import { createLog } from '../../platform/log.js';
import { APART } from '../support/house-roles.js';
import { openHouse, type House } from '../support/house.js';
import { throughProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import type { ChaosStack } from './chaos-stack.js';
import { deletionsOf, expectInvariants } from './invariants.js';
import type { Before } from './invariants/check.js';
import { expectCommittedIsDone } from './invariants/offsets.js';
import { outgoingTopics } from './invariants/topics.js';
import { prepareLoad, usualLoad, type ChaosLoad } from './load.js';
import { createRandom } from './random.js';
import type { ChaosContext, HouseSetup, Scenario } from './scenario.js';
import { sendLoad } from './send-load.js';
import type { ChaosSettings } from './settings.js';
import { endsOf } from './topics.js';

/** A line of the table. */
export interface Outcome {
  readonly scenario: string;
  readonly seed: number;
  readonly deletions: number;
  /** What was done, in words. */
  readonly injected: string;
  /** From the end of the fault until all was carried out; undefined when it was not. */
  readonly recoveredMs: number | undefined;
  readonly verdict: 'held' | 'broken';
}

/** What every chaos house is configured with: timers of the product that no fault here is to outlast. */
const HOUSE_ENV = {
  RESULT_TIMEOUT: '10m', WATCHER_INTERVAL: '5s',
  // Erasers share PostgreSQL with the ledger here: what takes that down may fail a run.
  AUTO_RETRIES: '10',
  AIRFLOW_REQUEST_TIMEOUT: '2s', DATABASE_STATEMENT_TIMEOUT: '5s',
  // It passes every 15 s, in the middle of everything, and must find nothing that it has to take over.
  RECONCILE_QUIET: '2s',
};
const RUN_MS = 100;
const ALL_RECEIVED_WITHIN_MS = 60_000;
/** Of the requests, how many are sent before anything is injected. */
const FIRST_SHARE = 0.4;
/** Between two of the rest, on average. */
const USUAL_GAP_MS = 20;

/** Plays scenarios, one after another, on one stack; houses are kept for as long as the next scenario wants the same. */
export class Chaos {
  readonly outcomes: Outcome[] = [];
  readonly #settings: ChaosSettings;
  readonly #kafka: KafkaClient;
  readonly stack: ChaosStack;
  #house: { readonly house: House; readonly setup: HouseSetup } | undefined;

  constructor(stack: ChaosStack, settings: ChaosSettings) {
    this.stack = stack;
    this.#settings = settings;
    this.#kafka = createKafka({ brokers: (stack.stack.env['KAFKA_BROKERS'] ?? '').split(','), clientId: 'chaos', log: createLog({ level: 'fatal' }) });
  }

  /** Injects the fault in the middle of many deletions, waits for the end, and checks the invariants. @throws Error with the seed and what was injected */
  async play(scenario: Scenario): Promise<Outcome> {
    const { seed } = this.#settings;
    const notes: string[] = [];
    let [deletions, recoveredMs]: [number, number | undefined] = [0, undefined];
    const told = (verdict: Outcome['verdict']): Outcome => {
      const outcome = { scenario: scenario.name, seed, deletions, injected: notes.join('; '), recoveredMs, verdict };
      this.outcomes.push(outcome);
      return outcome;
    };
    try {
      const house = await this.#houseFor(scenario.setup ?? {});
      const random = createRandom(seed, scenario.name);
      const load = await prepareLoad(house, { ...usualLoad(this.#settings.long), ...scenario.load?.(this.#settings.long) }, random);
      deletions = load.requests.length;
      const before = await this.#before(house, load);
      const context = this.#context(house, load, before, random, notes);
      recoveredMs = await this.#carryThrough(scenario, context);
      await scenario.check?.(context);
      await expectInvariants({ house, kafka: this.#kafka, load, before, expects: scenario.expects ?? {} });
      return told('held');
    } catch (error) {
      told('broken');
      // Whatever state the house is in, the next scenario gets one of its own.
      const closing = await this.close().then(() => '', (ending: unknown) => `\nand then: ${String(ending)}`);
      const what = notes.length === 0 ? '' : `; injected: ${notes.join('; ')}`;
      throw new Error(`${scenario.name} (CHAOS_SEED=${seed}${what}): ${error instanceof Error ? error.message : String(error)}${closing}`, { cause: error });
    }
  }

  /** Ends the house that is open. @throws Error when a process did not end well */
  async close(): Promise<void> {
    const open = this.#house;
    this.#house = undefined;
    await open?.house.close();
  }

  /** @returns how long it took from the end of the fault until all was carried out, in ms */
  async #carryThrough(scenario: Scenario, context: ChaosContext): Promise<number> {
    const { house, load, random, long } = context;
    await house.airflow.turn('knobs', { duration_ms: RUN_MS });
    await scenario.before?.(context);
    const spreadMs = scenario.spreadMs?.(long) ?? load.sequence.length * USUAL_GAP_MS;
    const sending = sendLoad(house, load, { firstShare: FIRST_SHARE, spreadMs, random });
    try {
      await context.whenSomeAre('received', Math.ceil(load.ids.length * FIRST_SHARE * 0.25));
      await pause(random.between(0, 500));
      await scenario.inject(context);
    } finally {
      await house.airflow.turn('reset').catch(() => undefined); // an Airflow that is down fails the scenario where it is needed
      sending.hurry();
    }
    const over = performance.now();
    // What the fault has left dead comes back now; nobody waits for it.
    const gone = scenario.setup?.goneAfterwards ?? [];
    const started = Promise.all(house.roles.names.filter((name) => !gone.includes(name)).map((name) => house.roles.start(name)));
    started.catch(() => undefined); // told below
    await sending.done;
    const withinMs = scenario.doneWithinMs?.(long) ?? (long ? 300_000 : 60_000);
    await this.#whenAllIsDone(scenario, context, Math.max(withinMs, ALL_RECEIVED_WITHIN_MS));
    const tookMs = performance.now() - over;
    await started;
    if (tookMs > withinMs) throw new Error(`All was carried out, but ${(tookMs / 1_000).toFixed(1)} s after the fault: ${withinMs / 1_000} s are allowed`);
    return tookMs;
  }

  async #whenAllIsDone({ expects }: Scenario, { house, load }: ChaosContext, withinMs: number): Promise<void> {
    let left: unknown;
    const endedIn = new Set(expects?.statuses ?? []);
    await waitFor('all requests have ended, and all tenants are what they should be', async () => {
      const rows = await deletionsOf(house, load);
      const ended = new Set(rows.filter(({ status, outcome }) => (isFinal(status) && (status !== 'DUPLICATE' || outcome !== null)) || endedIn.has(status)).map(({ requestId }) => requestId));
      const open = load.ids.filter((id) => !ended.has(id));
      const tenants = await house.ledger.rows<{ tenantId: string; status: string }>('SELECT tenant_id, status FROM tenants WHERE tenant_id = ANY($1)', [load.tenants.map(({ tenantId }) => tenantId)]);
      const due = { erased: 'ERASED', empty: 'EMPTY', stays: 'ACTIVE' } as const;
      const waiting = load.tenants.filter(({ tenantId, fate }) => tenants.find((one) => one.tenantId === tenantId)?.status !== due[fate]);
      left = { requests: open.slice(0, 8).map((id) => `${id}: ${rows.find(({ requestId }) => requestId === id)?.status ?? 'not received'}`), ofRequests: open.length, tenants: waiting.slice(0, 8) };
      return open.length === 0 && (waiting.length === 0 || endedIn.size > 0);
    }, withinMs, () => left);
  }

  async #houseFor(setup: HouseSetup): Promise<House> {
    if (this.#house && !isDeepStrictEqual(this.#house.setup, setup)) await this.close();
    if (!this.#house) {
      const { stack, dir, postgres } = this.stack;
      const DATABASE_URL = throughProxy(stack.env['DATABASE_URL'] ?? '', postgres);
      const processes = (setup.processes ?? APART).map((plan) => ({ ...plan, env: { DATABASE_URL, ...plan.env } }));
      const house = await openHouse({ stack: { env: stack.env, dir }, env: { ...HOUSE_ENV, ...setup.env }, processes, recorded: false });
      this.#house = { house, setup };
    }
    await this.#house.house.roles.start();
    return this.#house.house;
  }

  async #before(house: House, load: ChaosLoad): Promise<Before> {
    const topics = [...new Set([...READ_TOPICS, ...READ_TOPICS.map(deadLetterTopic), ...outgoingTopics(house.env['KAFKA_TOPIC_PREFIX'] ?? 'nova')])];
    const [row] = await house.ledger.rows<{ id: number | null }>('SELECT max(id)::int AS id FROM outbox');
    const leftovers = new Set<string>();
    const strangers = new Set<string>();
    if (this.outcomes.some(({ verdict }) => verdict === 'broken')) {
      for await (const { workflowId } of house.temporal.workflow.list({ query: 'ExecutionStatus = "Running"' })) leftovers.add(workflowId);
      for (const { requestId } of await house.ledger.rows<{ requestId: string }>('SELECT request_id FROM deletions')) strangers.add(requestId);
    }
    return {
      ends: await endsOf(this.#kafka, topics),
      lastOutboxId: row?.id ?? 0,
      airflow: await house.airflow.stats(),
      airflowRuns: (await house.airflow.runs()).length,
      leftovers,
      strangers,
      bystanderData: await load.bystanderData(),
    };
  }

  #context(house: House, load: ChaosLoad, before: Before, random: ChaosContext['random'], notes: string[]): ChaosContext {
    const { long } = this.#settings;
    const progress: ChaosContext['progress'] = async () => {
      const [row] = await house.ledger.rows<{ received: number; completed: number }>("SELECT count(*)::int AS received, (count(*) FILTER (WHERE status IN ('COMPLETED', 'DUPLICATE')))::int AS completed FROM deletions WHERE request_id = ANY($1)", [load.ids]);
      return row!;
    };
    return {
      house, load, random, long, progress,
      kafka: this.#kafka,
      stack: this.stack.stack,
      logDisk: this.stack.logDisk,
      postgres: this.stack.postgres,
      byForm: (short, inLong) => (long ? inLong : short),
      note: (text) => void notes.push(text),
      pause: async (ms) => pause(ms),
      whenSomeAre: async (what, atLeast) => {
        await waitFor(`${atLeast} of ${load.ids.length} are ${what}`, async () => (await progress())[what] >= Math.min(atLeast, load.ids.length), 60_000);
      },
      kill: async (which, signal = 'SIGKILL') => {
        const ends = await house.roles.kill(signal, which);
        if (signal === 'SIGKILL') await expectCommittedIsDone(house, this.#kafka, before.ends);
        return ends;
      },
    };
  }
}
