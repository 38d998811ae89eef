/** A part of a text, and the line that it begins on, from 1. */
export interface TextElement {
  readonly line: number;
  readonly text: string;
}

/**
 * Cuts a JSON array, or JSON values that follow one another, into its elements, without reading them: so that what is
 * wrong with one can be told with its line.
 */
export function elementsOf(text: string): { readonly elements: readonly TextElement[]; readonly fault?: TextElement } {
  const isArray = /^\s*\[/.test(text);
  const outer = isArray ? 1 : 0;
  const elements: TextElement[] = [];
  let depth = 0;
  let line = 1;
  let start: { at: number; line: number } | undefined;

  const end = (at: number): void => {
    if (start) elements.push({ line: start.line, text: text.slice(start.at, at).trim() });
    start = undefined;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '\n') {
      line++;
      if (depth === 0) end(at);
    }
    if (/\s/.test(char)) continue;
    if (isArray && depth === 0 && char !== '[') return { elements, fault: { line, text: 'something follows the end of the list' } };
    if (isArray && depth === 1 && (char === ',' || char === ']')) {
      if (!start && (char === ',' || text.slice(0, at).trimEnd().endsWith(','))) return { elements, fault: { line, text: 'a comma has nothing on one side of it' } };
      end(at);
      if (char === ']') depth--;
      continue;
    }
    if (depth === 0 && char === '[' && isArray) {
      if (elements.length > 0 || at > text.indexOf('[')) return { elements, fault: { line, text: 'something follows the end of the list' } };
      depth++;
      continue;
    }
    start ??= { at, line };
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    else if (char === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) {
        if (text[at] === '\\') at++;
        if (text[at] === '\n') line++;
      }
    }
    if (depth < outer) break;
    if (!isArray && depth === 0 && char === '}') end(at + 1);
  }
  if (isArray && depth > 0) return { elements, fault: { line, text: 'the list has no end: is the file whole?' } };
  end(text.length);
  return { elements };
}
