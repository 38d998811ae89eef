/** A span, as it came over OTLP. */
export interface ReceivedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentId: string;
  readonly state: string;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified';
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly events: readonly { readonly name: string; readonly attributes: ReceivedSpan['attributes'] }[];
  readonly failed: boolean;
  readonly message: string;
}

type Field = number | bigint | Buffer;
type Message = ReadonlyMap<number, readonly Field[]>;

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const STATUS_ERROR = 2;

/** The spans of an ExportTraceServiceRequest (opentelemetry-proto, trace/v1/trace.proto), read by the numbers of its fields. */
export function spansIn(body: Buffer): ReceivedSpan[] {
  return many(parse(body), 1).flatMap((resourceSpans) => {
    const resource = many(resourceSpans, 1)[0] ?? new Map<number, Field[]>();
    const service = String(attributesOf(resource, 1)['service.name'] ?? '');
    return many(resourceSpans, 2).flatMap((scopeSpans) => many(scopeSpans, 2).map((span) => spanOf(span, service)));
  });
}

function spanOf(span: Message, service: string): ReceivedSpan {
  const status = many(span, 15)[0] ?? new Map<number, Field[]>();
  return {
    service,
    traceId: bytes(span, 1).toString('hex'),
    spanId: bytes(span, 2).toString('hex'),
    state: bytes(span, 3).toString(),
    parentId: bytes(span, 4).toString('hex'),
    name: bytes(span, 5).toString(),
    kind: KINDS[Number(span.get(6)?.[0] ?? 0)] ?? 'unspecified',
    startedAtMs: Number(span.get(7)?.[0] ?? 0n) / 1e6,
    endedAtMs: Number(span.get(8)?.[0] ?? 0n) / 1e6,
    attributes: attributesOf(span, 9),
    events: many(span, 11).map((event) => ({ name: bytes(event, 2).toString(), attributes: attributesOf(event, 3) })),
    message: bytes(status, 2).toString(),
    failed: Number(status.get(3)?.[0] ?? 0) === STATUS_ERROR,
  };
}

const bytes = (message: Message, field: number): Buffer => (message.get(field)?.[0] as Buffer | undefined) ?? Buffer.alloc(0);
const many = (message: Message, field: number): Message[] => (message.get(field) ?? []).map((one) => parse(one as Buffer));

function attributesOf(message: Message, field: number): ReceivedSpan['attributes'] {
  return Object.fromEntries(many(message, field).map((pair) => {
    const value = many(pair, 2)[0] ?? new Map<number, Field[]>();
    const [text, flag, whole, fraction] = [1, 2, 3, 4].map((kind) => value.get(kind)?.[0]);
    const fractionOf = (bits: Field): number => new DataView(new BigUint64Array([bits as bigint]).buffer).getFloat64(0, true);
    const found = text !== undefined ? (text as Buffer).toString() : flag !== undefined ? flag === 1 : whole !== undefined ? Number(whole) : fraction !== undefined ? fractionOf(fraction) : '(of another type)';
    return [bytes(pair, 1).toString(), found];
  }));
}

/** The fields of a protobuf message, by number (https://protobuf.dev/programming-guides/encoding/). */
function parse(buffer: Buffer): Message {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = buffer[at++];
      if (byte === undefined) throw new RangeError('the message ends too soon');
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Buffer => buffer.subarray(at, (at += length));
  while (at < buffer.length) {
    const tag = varint();
    const [field, wireType] = [tag >>> 3, tag & 7];
    const value = wireType === 0 ? varint() : wireType === 1 ? take(8).readBigUInt64LE() : wireType === 2 ? take(varint()) : wireType === 5 ? take(4).readUInt32LE() : undefined;
    if (value === undefined) throw new RangeError(`a field of wire type ${wireType}`);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}
