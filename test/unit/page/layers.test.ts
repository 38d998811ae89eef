import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layersOf } from '../../../api/page/rules/layers.rules.js';

const at = (nodes: Parameters<typeof layersOf>[0]) => Object.fromEntries([...layersOf(nodes).places].map(([id, { column, row }]) => [id, `${column}/${row}`]));

describe('the picture of services', () => {
  it('has whoever depends left of what it depends on, behind the longest chain', () => {
    expect(at([{ id: 'db', dependsOn: [] }, { id: 'web', dependsOn: ['api', 'db'] }, { id: 'api', dependsOn: ['db'] }])).toEqual({ web: '0/0', api: '1/0', db: '2/0' });
  });

  it('puts what belongs together in rows near each other', () => {
    expect(at([{ id: 'a', dependsOn: ['z'] }, { id: 'b', dependsOn: ['y'] }, { id: 'y', dependsOn: [] }, { id: 'z', dependsOn: [] }])).toEqual({ a: '0/0', b: '0/1', z: '1/0', y: '1/1' });
  });

  it('leaves out dependencies on what is not there and on itself, and counts no edge twice', () => {
    expect(layersOf([{ id: 'a', dependsOn: ['a', 'gone', 'b', 'b'] }, { id: 'b', dependsOn: [] }])).toMatchObject({ edges: [{ from: 'a', to: 'b', backwards: false }], columns: 2, rows: 1 });
    expect(layersOf([])).toMatchObject({ edges: [], columns: 0, rows: 0 });
  });

  it('draws a circle with one edge that points backwards', () => {
    const { edges, columns } = layersOf([{ id: 'a', dependsOn: ['b'] }, { id: 'b', dependsOn: ['c'] }, { id: 'c', dependsOn: ['a'] }]);
    expect([edges.filter(({ backwards }) => backwards), columns]).toEqual([[{ from: 'c', to: 'a', backwards: true }], 3]);
  });

  const graphs = fc.array(fc.record({ id: fc.integer({ min: 0, max: 30 }).map(String), dependsOn: fc.array(fc.integer({ min: 0, max: 32 }).map(String), { maxLength: 5 }) }), { maxLength: 31 })
    .map((nodes) => [...new Map(nodes.map((node) => [node.id, node])).values()]);
  it('gives each a place of its own, every edge once, and the same picture whatever the order', () => {
    fc.assert(fc.property(graphs, (nodes) => {
      const { places, edges, columns, rows } = layersOf(nodes);
      expect(new Set([...places.values()].map(({ column, row }) => `${column}/${row}`)).size).toBe(nodes.length);
      for (const { column, row } of places.values()) expect(column < columns && row < rows).toBe(true);
      const known = new Set(nodes.map(({ id }) => id));
      const wanted = nodes.flatMap(({ id, dependsOn }) => [...new Set(dependsOn)].filter((other) => other !== id && known.has(other)).map((other) => `${id} ${other}`));
      expect(edges.map(({ from, to }) => `${from} ${to}`).sort()).toEqual(wanted.sort());
      for (const { from, to, backwards } of edges) if (!backwards) expect(places.get(from)!.column).toBeLessThan(places.get(to)!.column);
      expect(layersOf([...nodes].reverse())).toEqual(layersOf(nodes));
    }));
  });
});
