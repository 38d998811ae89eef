/** The name of the one step by which the workflows of the next release differ from this one's. */
export const CHANGE = 'pause-before-everything';
