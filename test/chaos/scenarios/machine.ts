import { APART, type ProcessPlan } from '../../support/house-roles.js';
import type { Scenario } from '../scenario.js';

const HOUR_MS = 3_600_000;
const PRELOAD = 'test/chaos/clock-shift.mjs';

/** Each role with a clock of its own. */
const CLOCKS: Readonly<Record<string, number>> = { worker: -5 * HOUR_MS, ingress: 3 * HOUR_MS, trigger: -2 * HOUR_MS, result: 7 * HOUR_MS, relay: 4 * HOUR_MS, api: -26 * HOUR_MS };
const shifted = (plan: ProcessPlan, onSignal: boolean): ProcessPlan => ({
  ...plan,
  preload: PRELOAD,
  env: { CLOCK_SHIFT_MS: String(CLOCKS[plan.name] ?? 0), ...(onSignal && { CLOCK_SHIFT_ON_SIGNAL: '1' }) },
});

const hours = Object.entries(CLOCKS).map(([role, ms]) => `${role} ${ms > 0 ? '+' : ''}${ms / HOUR_MS} h`).join(', ');

/** The machine itself is at fault. */
export const machineScenarios: readonly Scenario[] = [
  {
    name: 'the disk of the logs is full',
    fault: 'No byte left on the disk that the logs of all roles and parts go to',
    userSees: 'Nothing, but for the logs that are missing.',
    promised: 'A role that cannot log does its work; it logs again when there is room.',
    cannotRun: ({ logDisk }) => logDisk.unavailable,
    spreadMs: (long) => (long ? 30_000 : 3_000),
    inject: async ({ logDisk, note, byForm, pause }) => {
      await logDisk.fill();
      const ms = byForm(3_000, 30_000);
      await pause(ms);
      await logDisk.free();
      note(`full for ${ms / 1_000} s`);
    },
    check: async ({ house }) => {
      const before = (await house.logs()).length;
      await house.roles.kill('SIGTERM', 'relay');
      if ((await house.logs()).length <= before) throw new Error('The relay did not log that it stopped: logging did not come back.');
      await house.roles.start();
    },
  },
  {
    name: 'processes stand still',
    fault: 'Roles frozen (SIGSTOP) for longer than their leases and sessions, then thawed (SIGCONT)',
    userSees: 'What they had in hand pauses; others take it over where there are others.',
    promised: 'One that wakes up and thinks that it still holds something does no harm: nothing is sent or committed for another.',
    spreadMs: (long) => (long ? 30_000 : 10_000),
    inject: async ({ house, random, pause, byForm, note }) => {
      const frozen = random.shuffle(['worker', 'ingress', 'relay', 'result', 'trigger']).slice(0, byForm(2, 4));
      for (const role of frozen) house.roles.signal('SIGSTOP', role);
      const ms = byForm(8_000, 25_000);
      await pause(ms);
      for (const role of frozen) house.roles.signal('SIGCONT', role);
      note(`${frozen.join(', ')} for ${ms / 1_000} s`);
    },
  },
  {
    name: 'clocks differ and jump',
    fault: 'The clocks of the processes jump apart, hours ahead and hours back, while they run',
    userSees: 'Nothing: times in answers and notifications are by the database.',
    promised: 'No deletion is early, late or lost for it; order per request holds.',
    setup: { processes: APART.map((plan) => shifted(plan, true)) },
    expects: { orderAcrossPartitions: false },
    // Most of it comes after the jump.
    spreadMs: (long) => (long ? 60_000 : 24_000),
    inject: async ({ house, note, pause, byForm }) => {
      house.roles.signal('SIGUSR2');
      note(hours);
      // Longer than a consumer group's session: a member that no longer tells that it lives is put out by then.
      await pause(byForm(6_000, 30_000));
    },
    check: async ({ house, load }) => {
      const [row] = await house.ledger.rows<{ n: number }>("SELECT count(*)::int AS n FROM timeline WHERE request_id = ANY($1) AND abs(extract(epoch FROM now() - at)) > 3000", [load.ids]);
      if (row?.n !== 0) throw new Error(`${row?.n} entries of the timeline are by another clock than the database's`);
    },
  },
];
