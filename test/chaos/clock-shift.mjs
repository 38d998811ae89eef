// To be loaded before everything else (`node --import`): shifts what Date says in this process by CLOCK_SHIFT_MS, from the start or,
// with CLOCK_SHIFT_ON_SIGNAL, from its first SIGUSR2 on. Timers and performance.now() are monotonic, and stay as they are.
const RealDate = globalThis.Date;
const byMs = Number(process.env.CLOCK_SHIFT_MS);
if (!Number.isFinite(byMs)) throw new Error('CLOCK_SHIFT_MS must be a number of milliseconds.');
let shiftMs = process.env.CLOCK_SHIFT_ON_SIGNAL ? 0 : byMs;
process.on('SIGUSR2', () => {
  shiftMs = byMs;
});

class ShiftedDate extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [RealDate.now() + shiftMs] : args));
  }

  static now() {
    return RealDate.now() + shiftMs;
  }
}
globalThis.Date = ShiftedDate;
