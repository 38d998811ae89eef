// @ts-check

/**
 * One place to look for what a person typed.
 * @typedef {{ as: string, path: string, finds: 'deletion' | 'deletions' | 'tenant' | 'job' }} LookUp
 */

const INCOMING = /^[A-Za-z0-9._:-]{1,64}$/;
const PERSON = /^[A-Za-z0-9._:@+-]{1,64}$/;
const DERIVED = /^[A-Za-z0-9._:~-]{1,160}$/;
const SUBJECT_REF = /^v\d{1,9}\.[A-Za-z0-9_-]{8,128}$/;
/** Names that no id may be: steps of a path, and what means something to JavaScript. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype', '.', '..']);

/**
 * Where to look, by what the text can be; nowhere for what no id can be.
 * @param {string} text
 * @param {boolean} fenced whether the caller sees some tenants only: users are of none
 * @returns {LookUp[]}
 */
export function lookUpsFor(text, fenced) {
  const id = encodeURIComponent(text);
  /** @type {LookUp[]} */
  const found = [];
  if (RESERVED.has(text)) return found;
  if (DERIVED.test(text)) found.push({ as: 'Request', path: `deletions/${id}`, finds: 'deletion' });
  if (DERIVED.test(text) && text.startsWith('del_req_')) found.push({ as: 'Job', path: `jobs/${id}`, finds: 'job' });
  if (INCOMING.test(text)) found.push({ as: 'Tenant', path: `tenants/${id}`, finds: 'tenant' });
  if (!fenced && PERSON.test(text)) found.push({ as: 'User', path: `deletions?limit=25&userId=${id}`, finds: 'deletions' });
  if (!fenced && SUBJECT_REF.test(text)) found.push({ as: 'Subject', path: `deletions?limit=25&subjectRef=${id}`, finds: 'deletions' });
  if (INCOMING.test(text)) {
    found.push({ as: 'Service instance', path: `deletions?limit=25&serviceInstanceId=${id}`, finds: 'deletions' });
    found.push({ as: 'Trace', path: `deletions?limit=25&traceId=${id}`, finds: 'deletions' });
  }
  return found;
}
