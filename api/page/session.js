// @ts-check

const KEY = 'expunge.token';

/** The token that was pasted: this tab has it, until it is closed or its owner signs out; no other storage does. */
export const session = {
  /** @returns {string | undefined} */
  token: () => sessionStorage.getItem(KEY) ?? undefined,
  /** @param {string} token */
  keep: (token) => {
    sessionStorage.setItem(KEY, token);
  },
  forget: () => {
    sessionStorage.removeItem(KEY);
  },
};
