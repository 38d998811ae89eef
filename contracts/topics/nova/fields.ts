import { z } from 'zod';

/** The id of a post, a medium, a message, an upload or a conversation: a UUID as a rule, and anything that stays one word. */
export const itemId = z
  .string({ error: 'must be a string of 1 to 128 characters of A-Z a-z 0-9 . _ : ~ / = @ + -' })
  .regex(/^[A-Za-z0-9._:~/=@+-]{1,128}$/, 'must be 1 to 128 characters of A-Z a-z 0-9 . _ : ~ / = @ + -');

/** Content, which is never kept: looked at only for its form. */
export const unreadText = z.string({ error: 'must be a string, or left out' }).nullish();
export const unreadNumber = z.number({ error: 'must be a number, or left out' }).nullish();
export const unreadFlag = z.boolean({ error: 'must be true or false, or left out' }).nullish();
