import type { Cli, JsonOption } from './cli.js';

/** A page of a list, and where the next one begins. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

export interface PageOptions extends JsonOption {
  readonly all?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface Listing<Item> {
  readonly read: (page: { readonly limit?: number; readonly cursor?: string }) => Promise<Page<Item>>;
  readonly table: (items: readonly Item[]) => string;
  /** Said when there is nothing. */
  readonly none: string;
}

const MOST_TO_A_PAGE = 200;

/** Prints one page of a list, or with `all` page after page as they come; as JSON one document, or with `all` one line an item. */
export async function showPages<Item>(cli: Cli, { json, all, limit, cursor }: PageOptions, { read, table, none }: Listing<Item>): Promise<void> {
  const { terminal } = cli;
  const progress = (text: string): void => {
    if (terminal.interactive) terminal.redraw(text);
  };
  if (!all) {
    const page = await read({ ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) });
    if (json) terminal.out(JSON.stringify(page, null, 2));
    else terminal.out(page.items.length === 0 ? none : table(page.items));
    if (!json && page.next !== null) terminal.err(`There are more: see all with --all, or the next with --cursor ${page.next}`);
    return;
  }
  let seen = 0;
  try {
    for (let from = cursor; ; ) {
      const { items, next } = await read({ limit: limit ?? MOST_TO_A_PAGE, ...(from === undefined ? {} : { cursor: from }) });
      progress('');
      seen += items.length;
      if (json) for (const item of items) terminal.out(JSON.stringify(item));
      else if (items.length > 0 || seen === 0) terminal.out(items.length === 0 ? none : table(items));
      if (next === null) return;
      from = next;
      progress(`${seen} so far`);
    }
  } finally {
    progress('');
  }
}
