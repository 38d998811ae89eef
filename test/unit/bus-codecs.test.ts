import { readFileSync } from 'node:fs';
import snappy from 'snappy';
import { describe, expect, it } from 'vitest';
import { LZ4, SNAPPY, ZSTD } from '../../bus/codecs.js';

/** 4000 lines, compressed by the classes of Kafka's own Java client, 4.1.1. */
const byJava = JSON.parse(readFileSync(new URL('../support/compressed-by-java.json', import.meta.url), 'utf8')) as Record<'snappy' | 'lz4' | 'zstd', string>;
const text = Array.from({ length: 4000 }, (_, n) => `{"n":${n},"text":"ключ"}\n`).join('');

describe('what Java compressed', () => {
  it.each([['snappy', SNAPPY], ['lz4', LZ4], ['zstd', ZSTD]] as const)('with %s is read', async (name, codec) => {
    expect((await codec.decompress(Buffer.from(byJava[name], 'base64'))).toString()).toBe(text);
  });
});

describe('other ways to compress', () => {
  it('are read: snappy without frames', async () => {
    expect((await SNAPPY.decompress(Buffer.from(await snappy.compress(text)))).toString()).toBe(text);
  });
  it.each([['snappy', SNAPPY], ['lz4', LZ4]] as const)('are written so that they are read: %s', async (_, codec) => {
    const packed = await codec.compress({ buffer: Buffer.from(text) });
    expect(packed.length).toBeLessThan(text.length / 2);
    expect((await codec.decompress(packed)).toString()).toBe(text);
  });
  it.each([['snappy', SNAPPY], ['lz4', LZ4], ['zstd', ZSTD]] as const)('end in an error when broken: %s', async (_, codec) => {
    await expect(codec.decompress(Buffer.from('82534e4150505900000000010000000100000004ffffffff', 'hex'))).rejects.toThrow();
  });
});
