import { expect, test } from 'vitest';
import { metricsIn } from '../support/promql.js';

test.each([
  ['max(expunge_overdue) > 0', ['expunge_overdue']],
  ['(max(a_b{role="worker, c_d"}) or vector(0)) == 0', ['a_b']],
  ['sum by (code, kind) (max by (kind) (x{code!="Y"})) > 4 * 3600', ['x']],
  ['histogram_quantile(0.95, sum by (le) (rate(one_seconds_bucket[5m]))) unless on (group) two{view=""} offset 5m', ['one_seconds_bucket', 'two']],
  ['# a comment\nsum(increase(one[1h])) without (x)', ['one']],
  ['one / on (a) group_left (b) two:three', ['one', 'two:three']],
  ['1e3 + vector(2)', []],
])('%s asks for %j', (query, metrics) => {
  expect(metricsIn(query)).toEqual(metrics);
});
