import { expect, it } from 'vitest';
import { createOutageLog } from '../../bus/outage-log.js';

it('tells of an outage that holds up many messages once a second, and how many they were', () => {
  const lines: object[] = [];
  let now = 0;
  const tell = createOutageLog({ warn: (fields) => void lines.push(fields) }, () => now);
  const outage = (topic: string, offset: string) => tell({ topic, partition: 0, offset, attempt: 1, waitMs: 200, error: new Error('down') });
  for (let n = 0; n < 2_000; n++) outage('a', String(n));
  outage('b', '0');
  now = 999;
  outage('a', '2000');
  now = 1_000;
  outage('a', '2001');
  expect(lines).toMatchObject([{ topic: 'a', offset: '0', othersSinceLastLine: 0 }, { topic: 'b', offset: '0' }, { topic: 'a', offset: '2001', othersSinceLastLine: 2_000 }]);
});
