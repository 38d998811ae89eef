import { expect, test } from 'vitest';
import { createSubjectRefs } from '../../../platform/subject-ref.js';

const V1 = { version: 1, secret: 'the-first-pepper-of-all' };
const V2 = { version: 2, secret: 'the-second-pepper-of-all' };

test('a reference is stable, names its pepper, does not show the user and fits an id', () => {
  const refs = createSubjectRefs([V1]);
  const ref = refs.current('ann@example.com');
  expect(ref).toBe(createSubjectRefs([V1]).current('ann@example.com'));
  expect(ref).toMatch(/^v1\.[0-9a-f]{40}$/);
  expect(ref).toMatch(/^[A-Za-z0-9._:-]{1,64}$/);
  expect(refs.current('bob@example.com')).not.toBe(ref);
});

test('another pepper gives another reference, and old ones stay findable', () => {
  const refs = createSubjectRefs([V2, V1]);
  const old = createSubjectRefs([V1]).current('ann');
  expect(refs.current('ann')).toMatch(/^v2\./);
  expect(refs.candidates('ann')).toEqual([refs.current('ann'), old]);
  expect(refs.current('ann').slice(3)).not.toBe(old.slice(3));
});

test('without a pepper there are no references', () => {
  expect(() => createSubjectRefs([])).toThrow(RangeError);
});
