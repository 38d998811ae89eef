// @ts-check
import { h, svg } from '../dom.js';
import { layersOf } from '../rules/layers.rules.js';

/** @typedef {import('../../../contracts/api/tenants.js').TenantAnswer['services'][number]} Service */

const BOX = { width: 168, height: 52, gapX: 72, gapY: 20, edge: 10 };
/** More cannot be taken in at a look; the table has them all. */
const MOST = 80;

/**
 * A tenant's services as boxes, with an arrow from each to what it depends on. What was erased is left out where there would be too many.
 * @param {readonly Service[]} all
 */
export function servicesPicture(all) {
  const services = all.length > MOST ? all.filter(({ status }) => status === 'ACTIVE') : all;
  if (services.length === 0) return h('p', { class: 'quiet' }, 'There is nothing to draw.');
  if (services.length > MOST) return h('p', { class: 'quiet' }, `${services.length} active services are too many to draw; the table below has them all.`);
  const { places, edges, columns, rows } = layersOf(services.map(({ serviceInstanceId, dependsOn }) => ({ id: serviceInstanceId, dependsOn })));
  const width = columns * (BOX.width + BOX.gapX) - BOX.gapX + 2 * BOX.edge;
  const height = rows * (BOX.height + BOX.gapY) - BOX.gapY + 2 * BOX.edge;
  const corner = (/** @type {string} */ serviceId) => {
    const { column, row } = places.get(serviceId) ?? { column: 0, row: 0 };
    return { x: BOX.edge + column * (BOX.width + BOX.gapX), y: BOX.edge + row * (BOX.height + BOX.gapY) };
  };
  const lines = edges.map(({ from, to, backwards }) => {
    const start = corner(from);
    const end = corner(to);
    const [x1, y1, x2, y2] = [start.x + (backwards ? 0 : BOX.width), start.y + BOX.height / 2, end.x + (backwards ? BOX.width : 0), end.y + BOX.height / 2];
    const bend = backwards ? -BOX.gapX / 2 : BOX.gapX / 2;
    return svg('path', { class: backwards ? 'edge backwards' : 'edge', d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, 'marker-end': 'url(#arrow)' });
  });
  const boxes = services.map((service) => {
    const { x, y } = corner(service.serviceInstanceId);
    return svg('g', { class: `box ${service.status.toLowerCase()}`, transform: `translate(${x} ${y})` },
      svg('title', {}, `${service.serviceInstanceId} (${service.serviceType}), ${service.status}`),
      svg('rect', { width: BOX.width, height: BOX.height, rx: 8 }),
      svg('text', { x: 12, y: 22, class: 'box-name' }, shortened(service.serviceInstanceId, 18)),
      svg('text', { x: 12, y: 40, class: 'box-type' }, shortened(`${service.serviceType} · ${service.status.toLowerCase()}`, 24)));
  });
  const words = edges.length === 0 ? 'None depends on another.' : edges.map(({ from, to }) => `${from} depends on ${to}`).join('; ');
  return h('div', { class: 'scroll picture', role: 'group', 'aria-label': 'Picture of the services, scrolls sideways', tabindex: 0 },
    svg('svg', { role: 'img', 'aria-label': `${services.length} services. ${words}`, viewBox: `0 0 ${width} ${height}`, width, height },
      svg('defs', {}, svg('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: 'auto-start-reverse' }, svg('path', { class: 'arrow', d: 'M0 0 8 4 0 8Z' }))),
      ...lines, ...boxes));
}

/** @param {string} text @param {number} most */
const shortened = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
