/**
 * What a `Retry-After` header asks for, in ms: seconds, or a date by HTTP's clock (RFC 9110, section 10.2.3).
 * @returns undefined without a header, and for one that says neither or lies in the past
 */
export function retryAfterMs(header: string | readonly string[] | undefined, nowMs: number): number | undefined {
  const value = (typeof header === 'string' ? header : header?.[0])?.trim() ?? '';
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return ms > 0 ? ms : undefined;
}
