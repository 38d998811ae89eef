// @ts-check
import { ApiProblem } from '../api.js';
import { h, id } from '../dom.js';
import { ACTS } from '../rules/acts.rules.js';
import { subjectWords } from '../rules/words.rules.js';

/** @typedef {import('../rules/acts.rules.js').Act} Act */
/** @typedef {import('../rules/words.rules.js').Deletion} Deletion */

/** Reasons that were typed and not sent, because the token had expired, say. @type {Map<string, string>} */
const drafts = new Map();

/**
 * Asks for a reason and a confirmation, and has it done. What is refused is said in the dialog, which stays.
 * @param {{ act: Act, deletion: Deletion, send: (reason: string) => Promise<string>, onDone: (message: string) => void, onSignedOut: (problem: ApiProblem) => void }} asked
 *   `send` does it and gives the answer
 * @returns {HTMLDialogElement} shown, and gone from the document once it is closed
 */
export function askForAct({ act, deletion, send, onDone, onSignedOut }) {
  const { verb, about, needsReason, grave } = ACTS[act];
  const subject = subjectWords(deletion);
  const draftKey = `${act} ${deletion.requestId}`;
  const fault = h('p', { class: 'fault', role: 'alert' });
  const reason = h('textarea', { id: 'act-reason', rows: 3, maxlength: 1000, required: needsReason, 'aria-describedby': 'act-reason-hint' });
  reason.value = drafts.get(draftKey) ?? '';
  const confirm = h('button', { type: 'submit', class: grave ? 'grave' : 'strong' }, `${verb} deletion of ${subject}`);
  const back = h('button', { type: 'button', onclick: () => { dialog.close(); } }, 'Go back');

  const submit = async () => {
    const text = reason.value.trim();
    if (needsReason && text === '') {
      fault.textContent = 'Say why: it is kept in the history.';
      reason.focus();
      return;
    }
    fault.textContent = '';
    confirm.disabled = true;
    dialog.setAttribute('aria-busy', 'true');
    try {
      const message = await send(text);
      drafts.delete(draftKey);
      dialog.close();
      onDone(message);
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (error.status === 401) {
        drafts.set(draftKey, reason.value);
        dialog.close();
        onSignedOut(error);
      } else fault.textContent = error.message;
    } finally {
      confirm.disabled = false;
      dialog.removeAttribute('aria-busy');
    }
  };

  const dialog = h('dialog', { 'aria-labelledby': 'act-title', onclose: () => { dialog.remove(); } },
    h('form', { novalidate: true, onsubmit: (event) => { event.preventDefault(); void submit(); } },
      h('h2', { id: 'act-title' }, `${verb} this deletion?`),
      h('p', {}, 'Of ', h('strong', {}, subject), ', request ', id(deletion.requestId), '.'),
      h('p', {}, about),
      h('label', { for: 'act-reason' }, needsReason ? 'Reason' : 'Reason (may be left out)'),
      reason,
      h('p', { id: 'act-reason-hint', class: 'hint' }, 'Kept in the history with your name. No personal data.'),
      fault,
      h('div', { class: 'buttons' }, back, confirm)));
  document.body.append(dialog);
  dialog.showModal();
  reason.focus();
  return dialog;
}
