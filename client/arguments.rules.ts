import { InvalidArgumentError, Option } from 'commander';
import { normaliseTime } from '../contracts/topics/index.js';
import { parseDuration } from '../platform/duration.js';

/** A commander argument parser for durations: milliseconds. */
export function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError((error as RangeError).message);
  }
}

/** A commander argument parser for whole numbers from 1. */
export function wholeOf(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1.');
  return Number(text);
}

/** As wholeOf, from 0. */
export const countOf = (text: string): number => (text === '0' ? 0 : wholeOf(text));

/** How a time can be written, for help texts. */
export const TIME_FORMS = 'ISO 8601 with a zone, a date (its beginning in UTC), or how long ago: 24h, 7d';

/** A commander argument parser for times: `2026-02-11T10:00:00Z`, `2026-02-11`, or `24h` for so long ago. */
export function timeOf(text: string, now: number = Date.now()): string {
  const time = normaliseTime(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  if (time !== undefined) return time;
  try {
    return new Date(now - parseDuration(text)).toISOString();
  } catch {
    throw new InvalidArgumentError(`Write ${TIME_FORMS}; for example 2026-02-11T10:00:00Z.`);
  }
}

/** An option for a time. */
export const timeOption = (flags: string, description: string): Option => new Option(flags, `${description}: ${TIME_FORMS}`).argParser((text) => timeOf(text));

/** An option of which any of some words can be given, in either case; several where its flags end in `...`. */
export function wordOption(flags: string, description: string, words: readonly string[]): Option {
  const option = new Option(flags, description).choices(words);
  return option.argParser((text: string, before: unknown) => {
    const word = words.find((known) => known.toLowerCase() === text.toLowerCase());
    if (word === undefined) throw new InvalidArgumentError(`Allowed choices are ${words.join(', ')}.`);
    return option.variadic && Array.isArray(before) ? [...(before as string[]), word] : option.variadic ? [word] : word;
  });
}
