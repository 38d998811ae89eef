// @ts-check

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Readonly<Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>>} Props */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element with attributes and children. Text becomes text, whatever it holds: data never becomes markup. A prop `onclick` (and so on) is
 * a listener; `true` is an attribute without a value; false, null and undefined leave it out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props]
 * @param {...(Child | readonly Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, props, children);
  return element;
}

/**
 * The same for pictures.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props]
 * @param {...(Child | readonly Child[])} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  fill(element, props, children);
  return element;
}

/** @param {Element} element @param {Props} props @param {readonly (Child | readonly Child[])[]} children */
function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === 'number' ? String(child) : child);
  }
}

const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** A moment in the reader's own zone; the exact one in its title. @param {string} iso */
export const moment = (iso) => h('time', { datetime: iso, title: iso }, format.format(new Date(iso)));

/** @param {string | null} iso */
export const momentOrNone = (iso) => (iso === null ? '–' : moment(iso));

/** An id, which may be broken anywhere. @param {string} text */
export const id = (text) => h('code', { class: 'id' }, text);

/**
 * A link to another site, opened beside this page; only the text of what is no web address.
 * @param {string} url
 * @param {string} text
 */
export function outerLink(url, text) {
  if (!/^https?:\/\//i.test(url)) return h('span', {}, text);
  return h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, text, h('span', { class: 'unseen' }, ' (opens in a new tab)'));
}

/** Names with values; pairs whose value is null are left out. @param {readonly (readonly [string, Child | readonly Child[]])[]} pairs */
export const facts = (pairs) => h('dl', { class: 'facts' }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== '').map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, ...[value].flat()))));

/**
 * A section with a heading of its own.
 * @param {string} title
 * @param {...(Child | readonly Child[])} children
 */
export function section(title, ...children) {
  const headingId = `section-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  return h('section', { 'aria-labelledby': headingId }, h('h2', { id: headingId }, title), ...children);
}

/** The element of that id, which index.html has. @param {string} elementId @returns {HTMLElement} */
export function byId(elementId) {
  const found = document.getElementById(elementId);
  if (!found) throw new TypeError(`index.html has no #${elementId}`);
  return found;
}
