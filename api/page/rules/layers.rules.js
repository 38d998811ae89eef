// @ts-check

/**
 * What depends on what: a service and the services that it needs, all of one tenant.
 * @typedef {{ id: string, dependsOn: readonly string[] }} Node
 */

/**
 * A picture in columns: whoever depends stands left of what it depends on.
 * @typedef {{ places: Map<string, { column: number, row: number }>, edges: { from: string, to: string, backwards: boolean }[], columns: number, rows: number }} Layers
 */

/**
 * Lays services out in columns by the longest chain that leads to each. A circle (the inventory may be told of one) is drawn as well, with an
 * edge that points backwards. Dependencies on what is not among the nodes are left out. The same nodes give the same picture whatever their order.
 * @param {readonly Node[]} nodes
 * @returns {Layers}
 */
export function layersOf(nodes) {
  const sorted = [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
  const known = new Set(sorted.map(({ id }) => id));
  /** @type {Map<string, string[]>} */
  const needs = new Map(sorted.map(({ id, dependsOn }) => [id, [...new Set(dependsOn)].filter((other) => other !== id && known.has(other)).sort()]));
  const { forward, backward } = edgesOf(needs);
  const columnOf = columnsOf([...needs.keys()], forward);
  /** @type {string[][]} */
  const columns = [];
  for (const [id, column] of columnOf) (columns[column] ??= []).push(id);
  const places = placesIn(columns, forward);
  return {
    places,
    edges: [...forward.map((edge) => ({ ...edge, backwards: false })), ...backward.map((edge) => ({ ...edge, backwards: true }))],
    columns: columns.length,
    rows: Math.max(0, ...columns.map((column) => column.length)),
  };
}

/** @typedef {{ from: string, to: string }} Edge */

/**
 * Walks each chain once; an edge that leads back into the chain that it was reached by closes a circle.
 * @param {ReadonlyMap<string, readonly string[]>} needs
 */
function edgesOf(needs) {
  /** @type {Edge[]} */
  const forward = [];
  /** @type {Edge[]} */
  const backward = [];
  /** @type {Map<string, 'open' | 'done'>} */
  const seen = new Map();
  for (const start of needs.keys()) {
    if (seen.has(start)) continue;
    seen.set(start, 'open');
    const chain = [{ id: start, next: 0 }];
    for (let top = chain.at(-1); top; top = chain.at(-1)) {
      const to = needs.get(top.id)?.[top.next++];
      if (to === undefined) {
        seen.set(top.id, 'done');
        chain.pop();
        continue;
      }
      (seen.get(to) === 'open' ? backward : forward).push({ from: top.id, to });
      if (!seen.has(to)) {
        seen.set(to, 'open');
        chain.push({ id: to, next: 0 });
      }
    }
  }
  return { forward, backward };
}

/**
 * The column of each: one behind the last of those that need it. @param {readonly string[]} ids @param {readonly Edge[]} edges without a circle
 * @returns {Map<string, number>}
 */
function columnsOf(ids, edges) {
  const column = new Map(ids.map((id) => [id, 0]));
  const waitsFor = new Map(ids.map((id) => [id, edges.filter(({ to }) => to === id).length]));
  const ready = ids.filter((id) => waitsFor.get(id) === 0);
  for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
    for (const { from, to } of edges) {
      if (from !== id) continue;
      column.set(to, Math.max(column.get(to) ?? 0, (column.get(id) ?? 0) + 1));
      const left = (waitsFor.get(to) ?? 0) - 1;
      waitsFor.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  return column;
}

/**
 * The rows of each column: near those that they are needed by, so that fewer lines cross. @param {readonly string[][]} columns @param {readonly Edge[]} edges
 */
function placesIn(columns, edges) {
  /** @type {Map<string, { column: number, row: number }>} */
  const places = new Map();
  for (const [column, ids] of columns.entries()) {
    const wish = (/** @type {string} */ id) => {
      const rows = edges.filter(({ to }) => to === id).flatMap(({ from }) => places.get(from)?.row ?? []);
      return rows.length === 0 ? Number.POSITIVE_INFINITY : rows.reduce((sum, row) => sum + row, 0) / rows.length;
    };
    const wishes = new Map(ids.map((id) => [id, wish(id)]));
    const rank = (/** @type {string} */ id) => wishes.get(id) ?? Number.POSITIVE_INFINITY;
    const ordered = [...ids].sort((a, b) => (rank(a) === rank(b) ? (a < b ? -1 : 1) : rank(a) - rank(b)));
    for (const [row, id] of ordered.entries()) places.set(id, { column, row });
  }
  return places;
}
