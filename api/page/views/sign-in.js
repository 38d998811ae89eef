// @ts-check
import { h } from '../dom.js';

/**
 * Asks for a token. What is wrong with one is said beside the field.
 * @param {{ notice: string | undefined, tryToken: (token: string) => Promise<string | undefined> }} asked
 *   `notice` says why it is asked, `tryToken` gives what is wrong with a token
 * @returns {import('./view.js').View}
 */
export function signInView({ notice, tryToken }) {
  const fault = h('p', { class: 'fault', role: 'alert', id: 'sign-in-fault' }, notice);
  const field = h('textarea', { id: 'token', rows: 4, required: true, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'aria-describedby': 'sign-in-hint sign-in-fault' });
  const button = h('button', { type: 'submit', class: 'strong' }, 'Sign in');
  const submit = async () => {
    const token = field.value.trim().replace(/^Bearer\s+/i, '');
    if (token === '') {
      fault.textContent = 'Paste a token first.';
      field.focus();
      return;
    }
    button.disabled = true;
    const wrong = await tryToken(token);
    button.disabled = false;
    if (wrong === undefined) return;
    fault.textContent = wrong;
    field.focus();
    field.select();
  };
  const form = h('form', { class: 'card', novalidate: true, onsubmit: (event) => { event.preventDefault(); void submit(); } },
    h('label', { for: 'token' }, 'Token'),
    field,
    h('p', { id: 'sign-in-hint', class: 'hint' }, 'A JWT from your issuer. Of the local stack: ', h('code', {}, 'npm run --silent token -- --role operator'), '. It stays in this tab, and is forgotten when you sign out or close it.'),
    fault,
    h('div', { class: 'buttons' }, button));
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    form.requestSubmit();
  });
  return { title: 'Sign in', content: [h('h1', { tabindex: -1 }, 'Sign in'), form] };
}
