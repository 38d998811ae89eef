/** Parameters that may be given several times. */
const LISTS = new Set(['status', 'kind']);

/** A query by name; one that may be a list always is one. Another that is given twice is a list as well, which its schema refuses. */
export function readQuery(query: string): Record<string, string | string[]> {
  const found = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(query)) found.set(name, [...(found.get(name) ?? []), value]);
  return Object.fromEntries([...found].map(([name, values]) => [name, LISTS.has(name) || values.length > 1 ? values : values.join('')]));
}
