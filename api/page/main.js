// @ts-check
import { ApiProblem, createApi } from './api.js';
import { byId, h } from './dom.js';
import { hashOf, routeOf } from './rules/route.rules.js';
import { session } from './session.js';
import { deletionView } from './views/deletion.js';
import { overviewView } from './views/overview.js';
import { searchView } from './views/search.js';
import { signInView } from './views/sign-in.js';
import { tenantView } from './views/tenant.js';
import { tenantsView } from './views/tenants.js';

/** @typedef {import('./views/view.js').View} View */
/** @typedef {import('../../contracts/api/me.js').MeAnswer} Me */

const main = byId('main');
const notice = byId('notice');
const api = createApi(session.token);

/** @type {Me | undefined} */
let me;
/** @type {View | undefined} */
let shown;
/** Counts what was asked to be shown: what comes late is not shown any more. */
let asked = 0;
let first = true;

/** @param {string} message */
function say(message) {
  notice.replaceChildren(h('p', {}, message));
}

/** @param {View} view */
function put(view) {
  shown?.close?.();
  shown = view;
  main.replaceChildren(...view.content.flatMap((child) => (child === false || child === null || child === undefined ? [] : [typeof child === 'number' ? String(child) : child])));
  main.removeAttribute('aria-busy');
  document.title = `${view.title} · Expunge`;
  if (!first) main.querySelector('h1')?.focus();
  first = false;
  view.opened?.();
}

/** Shows what the address names. */
async function show() {
  const mine = ++asked;
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  main.setAttribute('aria-busy', 'true');
  try {
    me ??= /** @type {Me} */ (await api.get('me'));
    if (mine !== asked) return;
    bar(me);
    const view = await viewOf(me);
    if (mine === asked) put(view);
    else view.close?.();
  } catch (error) {
    if (mine === asked) putProblem(error);
  }
}

/** @param {Me} whoever @returns {Promise<View>} */
async function viewOf(whoever) {
  const route = routeOf(location.hash);
  const context = { api, me: whoever, say, signedOut };
  for (const link of document.querySelectorAll('#views a')) {
    const isCurrent = link.getAttribute('data-view') === (route.view === 'tenant' ? 'tenants' : route.view === 'deletion' ? 'overview' : route.view);
    if (isCurrent) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  switch (route.view) {
    case 'overview':
      return overviewView(context, route.query);
    case 'deletion':
      return deletionView(context, route.requestId);
    case 'tenants':
      return tenantsView(context, route.query);
    case 'tenant':
      return tenantView(context, route.tenantId);
    case 'search':
      return searchView(context, route.text);
    case 'unknown':
      return { title: 'Nothing here', content: [h('h1', { tabindex: -1 }, 'Nothing here'), h('p', { class: 'lead' }, 'This page has no such view. ', h('a', { href: '#/' }, 'See all deletions'), '.')] };
  }
}

/** Who is signed in, and how to find things. @param {Me | undefined} whoever nobody yet: when left out */
function bar(whoever) {
  for (const part of ['views', 'search', 'who']) byId(part).hidden = whoever === undefined;
  if (!whoever) return;
  const { person, role, tenants, authentication } = whoever;
  byId('who').replaceChildren(
    authentication ? h('span', {}, h('strong', {}, person), `, ${role}${tenants === null ? '' : ` of ${tenants.join(', ')}`}`) : h('span', {}, 'No sign-in on this machine'),
    ...(authentication ? [h('button', { type: 'button', onclick: () => { signOut(undefined); } }, 'Sign out')] : []),
  );
}

/** @param {ApiProblem} problem */
function signedOut(problem) {
  signOut(session.token() === undefined ? undefined : problem.message);
}

/** Forgets the token, and asks for one; the address stays, so that whoever signs in comes back to it. @param {string | undefined} why */
function signOut(why) {
  asked++;
  me = undefined;
  session.forget();
  notice.replaceChildren();
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  bar(undefined);
  put(signInView({
    notice: why,
    tryToken: async (token) => {
      try {
        me = /** @type {Me} */ (await createApi(() => token).get('me'));
      } catch (error) {
        if (error instanceof ApiProblem) return error.message;
        throw error;
      }
      session.keep(token);
      void show();
      return undefined;
    },
  }));
}

/** @param {unknown} error */
function putProblem(error) {
  if (!(error instanceof ApiProblem)) {
    put(problemView('The page has failed', error instanceof Error ? error.message : String(error)));
    throw error;
  }
  if (error.status === 401) signedOut(error);
  else put(problemView(error.title, error.message));
}

/** @param {string} title @param {string} detail @returns {View} */
function problemView(title, detail) {
  return {
    title,
    content: [
      h('h1', { tabindex: -1 }, title),
      h('p', { class: 'lead', role: 'alert' }, detail),
      h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'strong', onclick: () => void show() }, 'Try again'), h('a', { href: '#/' }, 'All deletions'), session.token() !== undefined && h('button', { type: 'button', onclick: () => { signOut(undefined); } }, 'Sign out')),
    ],
  };
}

byId('skip').addEventListener('click', (event) => {
  // The address names the view, so it must not name the place to skip to.
  event.preventDefault();
  main.focus();
});
byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = /** @type {HTMLInputElement} */ (byId('search-text')).value.trim();
  if (text === '') return;
  const hash = hashOf({ view: 'search', text });
  if (location.hash === hash) void show();
  else location.hash = hash;
});
window.addEventListener('hashchange', () => {
  notice.replaceChildren();
  void show();
});
byId('zone').textContent = `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
void show();
