/** Chances that a seed repeats. */
export interface Random {
  /** From 0, below 1. */
  number(): number;
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number;
  pick<T>(from: readonly T[]): T;
  /** In another order. */
  shuffle<T>(items: readonly T[]): T[];
  /** An id that no other scenario of the run uses. */
  id(prefix: string): string;
}

/** A seed for who gave none. */
export const anySeed = (): number => Math.floor(Math.random() * 1_000_000_000);

/** FNV-1a: so that scenarios with one seed among them do not all do the same. */
const hash = (text: string): number => Buffer.from(text).reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0, 0x811c9dc5);

/** Chances by seed and scenario (mulberry32). */
export function createRandom(seed: number, scenario: string): Random {
  let state = (seed ^ hash(scenario)) >>> 0;
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const between = (from: number, to: number): number => from + Math.floor(number() * (to - from + 1));
  const mark = hash(`${seed}/${scenario}`).toString(16).padStart(8, '0');
  let ids = 0;
  return {
    number,
    between,
    pick: (from) => {
      if (from.length === 0) throw new RangeError('There is nothing to pick from.');
      return from[between(0, from.length - 1)] as (typeof from)[number];
    },
    shuffle: (items) => {
      const left = [...items];
      return items.map(() => left.splice(between(0, left.length - 1), 1)[0] as (typeof items)[number]);
    },
    id: (prefix) => `${prefix}-${mark}-${(ids++).toString(36)}`,
  };
}
