import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { VARIABLES } from '../../platform/config-variables.js';

const root = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');
const [english, chinese] = [read('README.md'), read('README.zh-CN.md')];

const CODE = /^```[\s\S]*?^```$/gm;
const codeOf = (text: string): string[] => [...text.matchAll(CODE)].map(([block]) => block);
const prose = (text: string): string => text.replace(CODE, '');
const headings = (text: string): string[] => [...prose(text).matchAll(/^(#+) (.+)$/gm)].map(([, level = '']) => level);
/** First and second cell of each row of each table: names and defaults are in no language. */
const cells = (text: string, ...columns: number[]): string[][] =>
  prose(text).split('\n').filter((line) => line.startsWith('| `')).map((line) => columns.map((column) => line.split(' | ')[column]?.replace(/^\| /, '') ?? ''));
const configOf = (text: string): string => text.slice(text.indexOf('<!-- config -->'), text.indexOf('<!-- /config -->'));
const linksOf = (text: string): string[] => [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);

describe('the Chinese README is in step with the English one', () => {
  test('in number, level and order of its headings', () => {
    expect(headings(chinese)).toEqual(headings(english));
    expect(headings(english).length).toBeGreaterThan(6);
  });

  test('in its code, to the letter', () => {
    expect(codeOf(chinese)).toEqual(codeOf(english));
    expect(codeOf(english).length).toBeGreaterThan(3);
  });

  test('in the configuration variables, their order and their defaults', () => {
    expect(cells(configOf(chinese), 0, 1)).toEqual(cells(configOf(english), 0, 1));
    expect(cells(configOf(chinese), 0).flat()).toEqual(Object.keys(VARIABLES).map((name) => `\`${name}\``));
  });

  test('in the other tables', () => {
    expect(cells(chinese, 0)).toEqual(cells(english, 0));
  });

  test('in its lists and in what it points to', () => {
    const bullets = (text: string): number => prose(text).split('\n').filter((line) => line.startsWith('- ')).length;
    expect(bullets(chinese)).toBe(bullets(english));
    const elsewhere = (text: string): string[] => linksOf(text).filter((target) => !/^README/.test(target)).sort();
    expect(elsewhere(chinese)).toEqual(elsewhere(english));
    expect(linksOf(english)).toContain('README.zh-CN.md');
    expect(linksOf(chinese)).toContain('README.md');
  });

  test('in the versions that it names', () => {
    const versions = (text: string): string[] => [...prose(text).matchAll(/\d+(?:\.\d+)+/g)].map(([version]) => version).sort();
    expect(versions(chinese)).toEqual(versions(english));
    expect(versions(english)).not.toEqual([]);
  });

  test('and is Chinese: no row of the configuration is left in English', () => {
    const left = configOf(chinese).split('\n').filter((line) => line.startsWith('| `') && !/[\u4e00-\u9fff]/.test(line.split(' | ').slice(2).join(' ')));
    expect(left).toEqual([]);
  });
});

/** GitHub's anchors. */
const anchorsOf = (text: string): Set<string> =>
  new Set([...prose(text).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));

test.each(['README.md', 'README.zh-CN.md', 'docs/operations.md', 'docs/architecture.md', 'docs/api.md', 'docs/reliability.md'])('every link of %s leads somewhere', (file) => {
  const base = new URL(file, root);
  const dead = linksOf(read(file)).filter((target) => !/^https?:/.test(target)).filter((target) => {
    const [path = '', anchor] = target.split('#');
    const to = path === '' ? base : new URL(path, base);
    if (!existsSync(to)) return true;
    return anchor !== undefined && to.pathname.endsWith('.md') && !anchorsOf(readFileSync(to, 'utf8')).has(anchor);
  });
  expect(dead).toEqual([]);
});
