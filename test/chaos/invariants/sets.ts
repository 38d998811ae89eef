/** What is in one and not in the other, told by `describe`. */
export function differences(wanted: Iterable<string>, found: Iterable<string>, describe: { readonly missing: string; readonly unwanted: string }): string[] {
  const [want, have] = [new Set(wanted), new Set(found)];
  return [
    ...[...want].filter((one) => !have.has(one)).map((one) => `${describe.missing}: ${one}`),
    ...[...have].filter((one) => !want.has(one)).map((one) => `${describe.unwanted}: ${one}`),
  ];
}

/** Those that are there more than once. */
export function repeated(all: readonly string[]): string[] {
  const seen = new Set<string>();
  return all.filter((one) => seen.has(one) || !seen.add(one));
}

/** Items by what they have in common. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
