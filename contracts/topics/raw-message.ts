/** Header values as a Kafka client hands them over; a name that was given more than once holds a list. */
export type MessageHeaders = Readonly<Record<string, Buffer | string | readonly (Buffer | string)[] | null | undefined>>;

/** The parts of a Kafka message that say something about its meaning. */
export interface RawMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: MessageHeaders | undefined;
}

/** The text of a header, case as given; of a repeated one the last, as Kafka's `lastHeader` has it. Undefined if absent. */
export function headerText(headers: MessageHeaders | undefined, name: string): string | undefined {
  if (headers === undefined || !Object.hasOwn(headers, name)) return undefined;
  const given = headers[name];
  const value = typeof given === 'string' || Buffer.isBuffer(given) ? given : given?.at(-1);
  return value?.toString();
}
