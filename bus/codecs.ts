import zlib from 'node:zlib';
import { promisify } from 'node:util';
import { decompress as unzstd } from 'fzstd';
import kafkajs from 'kafkajs';
import { compressFrame, decompressFrame } from 'lz4-napi';
import snappy from 'snappy';

interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/** Snappy as Java clients write it (xerial): this magic, two version numbers, then blocks, each behind its length. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;
const SNAPPY_BLOCK_BYTES = 32 * 1024;

async function unsnappy(data: Buffer): Promise<Buffer> {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return asBuffer(await snappy.uncompress(data));
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < data.length; ) {
    const length = data.readInt32BE(at);
    blocks.push(asBuffer(await snappy.uncompress(data.subarray(at + 4, at + 4 + length))));
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}

async function toSnappy(data: Buffer): Promise<Buffer> {
  const header = Buffer.alloc(XERIAL_HEADER_BYTES);
  XERIAL_MAGIC.copy(header);
  header.writeInt32BE(1, 8);
  header.writeInt32BE(1, 12);
  const parts: Buffer[] = [header];
  for (let at = 0; at < data.length; at += SNAPPY_BLOCK_BYTES) {
    const block = await snappy.compress(data.subarray(at, at + SNAPPY_BLOCK_BYTES));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

const asBuffer = (data: Buffer | string): Buffer => (typeof data === 'string' ? Buffer.from(data) : data);

type Zstd = (data: Buffer) => Promise<Buffer>;
/** Node has zstd from 22.15 on; before, a decoder in JavaScript reads it. */
function nodeZstd(name: 'zstdCompress' | 'zstdDecompress'): Zstd | undefined {
  const native: unknown = (zlib as unknown as Record<string, unknown>)[name];
  return typeof native === 'function' ? promisify(native as (data: Buffer, done: (error: Error | null, result: Buffer) => void) => void) : undefined;
}
const nativeUnzstd = nodeZstd('zstdDecompress');
const nativeZstd = nodeZstd('zstdCompress');

export const SNAPPY: Codec = { compress: ({ buffer }) => toSnappy(buffer), decompress: unsnappy };
export const LZ4: Codec = { compress: ({ buffer }) => compressFrame(buffer), decompress: (data) => decompressFrame(data) };
export const ZSTD: Codec = {
  compress: ({ buffer }) => {
    if (nativeZstd) return nativeZstd(buffer);
    return Promise.reject(new Error('This Node cannot compress with zstd; use another compression, or Node 22.15 or later.'));
  },
  decompress: async (data) => (nativeUnzstd ? nativeUnzstd(data) : Buffer.from(unzstd(data))),
};

/** Makes every compression that a producer may choose readable; gzip is built in. */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  const codecs = CompressionCodecs as unknown as Record<number, () => Codec>;
  codecs[CompressionTypes.Snappy] = () => SNAPPY;
  codecs[CompressionTypes.LZ4] = () => LZ4;
  codecs[CompressionTypes.ZSTD] = () => ZSTD;
}
