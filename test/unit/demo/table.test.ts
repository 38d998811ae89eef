import { describe, expect, test } from 'vitest';
import { createPaint } from '../../../stack/demo/colours.js';
import type { Row } from '../../../stack/demo/rows.rules.js';
import { openScreen } from '../../../stack/demo/screen.js';
import { renderFrame, type FeedLine } from '../../../stack/demo/table.rules.js';

const plain = createPaint(false, undefined);
const row = (subject: string, more: Partial<Row> = {}): Row => ({
  title: 'a database in use', subject, status: 'SENT_TO_AIRFLOW', tone: 'busy', attempt: '1', since: '1.2 s', run: `del_req_demo-acme_${subject}-with-a-long-name-that-does-not-fit`, over: false, ...more,
});
const feed = (n: number): FeedLine[] => Array.from({ length: n }, (_, i) => ({ atMs: i * 1000, topic: 'tenant.service.deletion.request.dlq', about: 'acme/shop-db', text: `message ${i} ${'long '.repeat(40)}` }));
// eslint-disable-next-line no-control-regex -- colours are control characters
const bare = (text: string): string => text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');

describe('the live table', () => {
  test.each([60, 80, 100, 120, 200])('is no wider than a terminal of %i columns', (columns) => {
    const frame = { heading: 'Expunge demo · http://127.0.0.1:8233'.padEnd(300, '.'), rows: [row('acme/shop-db'), row('tenant-123456/srv-abc-001')], feed: feed(3) };
    expect(renderFrame(frame, { columns, lines: 40, paint: plain }).length).toBeGreaterThan(8);
    for (const paint of [plain, createPaint(true, undefined)]) {
      for (const line of renderFrame(frame, { columns, lines: 40, paint })) expect(bare(line).length).toBeLessThanOrEqual(columns);
    }
  });

  test.each([4, 8, 12, 24])('is no higher than a terminal of %i lines', (lines) => {
    const rows = Array.from({ length: 12 }, (_, i) => row(`subject-${i}`));
    expect(renderFrame({ heading: 'Expunge', rows, feed: feed(20) }, { columns: 100, lines, paint: plain }).length).toBeLessThanOrEqual(lines);
  });

  test('says of each deletion all that there is room for', () => {
    const [, , , line] = renderFrame({ heading: 'Expunge', rows: [row('acme/shop-db', { run: 'del_req_1' })], feed: [] }, { columns: 120, lines: 40, paint: plain });
    for (const part of ['a database in use', 'acme/shop-db', 'SENT_TO_AIRFLOW', '1', '1.2 s', 'del_req_1']) expect(line).toContain(part);
  });

  test('drops what is over first when there is too little room', () => {
    const rows = [row('over', { over: true }), row('live-1'), row('live-2')];
    const text = renderFrame({ heading: 'Expunge', rows, feed: [] }, { columns: 100, lines: 5, paint: plain }).join('\n');
    expect(text).toContain('live-1');
    expect(text).toContain('live-2');
    expect(text).not.toContain('over');
  });

  test('shows the newest of what came out', () => {
    const text = renderFrame({ heading: 'Expunge', rows: [row('acme/shop-db')], feed: feed(20) }, { columns: 100, lines: 40, paint: plain }).join('\n');
    expect(text).toContain('message 19');
    expect(text).not.toContain('message 5 ');
  });

  test('lets no message move the cursor', () => {
    const rows = [row('acme/shop-db', { run: 'evil \u001b[2J text' })];
    expect(renderFrame({ heading: 'Expunge', rows, feed: [{ atMs: 0, topic: 't', about: 'a', text: '\u001b[1A\n' }] }, { columns: 100, lines: 40, paint: plain }).join('')).not.toContain('\u001b');
  });
});

describe('colours', () => {
  test('are for terminals only, and not where NO_COLOR is set', () => {
    expect(createPaint(true, undefined)('good', 'x')).toContain('\u001b[32m');
    expect(createPaint(true, '')('good', 'x')).toContain('\u001b[32m');
    expect(createPaint(true, '1')('good', 'x')).toBe('x');
    expect(createPaint(false, undefined)('good', 'x')).toBe('x');
  });
});

describe('the screen', () => {
  const written = (isTTY: boolean) => {
    const texts: string[] = [];
    return { texts, screen: openScreen({ isTTY, columns: 100, rows: 40, write: (text) => texts.push(text) }, plain) };
  };

  test('redraws a terminal in one write, and not at all when nothing changed', () => {
    const { texts, screen } = written(true);
    const frame = { heading: 'Expunge', rows: [row('acme/shop-db')], feed: [] };
    screen.show(frame, 0);
    screen.show(frame, 1);
    screen.show({ ...frame, rows: [row('acme/shop-db', { status: 'COMPLETED' })] }, 2);
    expect(texts).toHaveLength(2);
    expect(texts[1]).toContain(`\u001b[4F`);
    screen.close();
    expect(texts.at(-1)).toBe('\u001b[?25h');
  });

  test('tells elsewhere of each change once, in plain lines', () => {
    const { texts, screen } = written(false);
    const at = (status: string, lines: number) => ({ heading: 'Expunge', rows: [row('acme/shop-db', { status, since: String(Math.random()) })], feed: feed(lines) });
    screen.show(at('–', 0), 0);
    screen.show(at('PENDING', 0), 1000);
    screen.show(at('PENDING', 1), 1500);
    screen.show(at('COMPLETED', 1), 2000);
    screen.close();
    expect(texts.map((text) => /PENDING|COMPLETED|message \d+/.exec(text)?.[0])).toEqual(['PENDING', 'message 0', 'COMPLETED']);
    expect(texts.join('')).not.toContain('\u001b');
  });
});
