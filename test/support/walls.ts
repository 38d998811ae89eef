import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import type { IConfiguration, ICruiseResult } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import ts from 'typescript';

export interface Breach {
  readonly rule: string;
  readonly where: string;
  readonly what: string;
}

/** What was looked at, and what was found wrong. */
export interface WallsReport {
  readonly files: number;
  readonly modules: number;
  /** Imports from one of the project's files to another. */
  readonly innerDependencies: number;
  readonly breaches: readonly Breach[];
}

/** Where the environment may be read: in the configuration, and by what starts other processes for people and tests. */
const MAY_READ_ENVIRONMENT = [/^platform\/config\.ts$/, /^stack\/environment\.ts$/, /^test\//, /\.mjs$/, /\.config\.(ts|js)$/];

/**
 * Checks the walls of the tree at `root`. Having looked at too little is a breach as well: a check that saw nothing has not passed.
 * @param leastFiles the least number of source files that a true tree has.
 */
export async function checkWalls(root: string, leastFiles: number): Promise<WallsReport> {
  const files = sourceFiles(root);
  if (files.length < leastFiles) {
    return { files: files.length, modules: 0, innerDependencies: 0, breaches: [{ rule: 'looked-at-enough', where: root, what: `found ${files.length} source files where at least ${leastFiles} are expected` }] };
  }
  const cruised = await cruiseFiles(root, files);
  const seen = new Set(cruised.modules.map(({ source }) => source));
  const innerDependencies = cruised.modules.flatMap(({ dependencies }) => dependencies).filter(({ resolved }) => files.includes(resolved)).length;
  const breaches: Breach[] = cruised.summary.violations.map(({ rule, from, to, cycle }) => ({ rule: rule.name, where: from, what: cycle ? cycle.map(({ name }) => name).join(' → ') : to }));
  breaches.push(...files.filter((file) => !seen.has(file)).map((file) => ({ rule: 'looked-at-enough', where: file, what: 'was not looked at' })));
  if (innerDependencies < files.length / 2) {
    breaches.push({ rule: 'looked-at-enough', where: root, what: `only ${innerDependencies} imports between ${files.length} files: TypeScript was not understood` });
  }
  breaches.push(...files.flatMap((file) => readsOfEnvironment(file, readFileSync(join(root, file), 'utf8'))));
  return { files: files.length, modules: seen.size, innerDependencies, breaches };
}

/** Every TypeScript and .mjs file and every module of the status page, by its path from the root; none of what is generated, installed or hidden. */
function sourceFiles(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return /^(airflow|build|coverage)$|(^|\/)(node_modules|\.[^/]*)$/.test(path) ? [] : sourceFiles(root, path);
    return /\.(ts|mjs)$|^api\/page\/.*\.js$/.test(path) ? [path] : [];
  }).sort();
}

async function cruiseFiles(root: string, files: readonly string[]): Promise<ICruiseResult> {
  const { options, ...ruleSet } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')) as IConfiguration;
  const { output } = await cruise([...files], { ...options, ruleSet, validate: true, baseDir: root }, options?.enhancedResolveOptions, { tsConfig: extractTSConfig(join(root, 'tsconfig.json')) });
  if (typeof output === 'string') throw new TypeError('dependency-cruiser gave a text where its result was asked for');
  return output;
}

/** Reads of `process.env` in a file that may not; and anything in it that is no TypeScript, for it would hide them. */
function readsOfEnvironment(file: string, text: string): Breach[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const at = (node: ts.Node | number): string => `${file}:${source.getLineAndCharacterOfPosition(typeof node === 'number' ? node : node.getStart()).line + 1}`;
  const { parseDiagnostics } = source as unknown as { parseDiagnostics: readonly ts.DiagnosticWithLocation[] };
  const breaches: Breach[] = parseDiagnostics.map(({ start, messageText }) => ({ rule: 'is-typescript', where: at(start), what: ts.flattenDiagnosticMessageText(messageText, ' ') }));
  if (MAY_READ_ENVIRONMENT.some((pattern) => pattern.test(file))) return breaches;

  const breach = (node: ts.Node): void => { breaches.push({ rule: 'environment-only-in-config', where: at(node), what: 'process.env is read in platform/config.ts only' }); };
  const isProcess = (node: ts.Node): boolean => ts.isIdentifier(node) ? node.text === 'process' : ts.isPropertyAccessExpression(node) && node.name.text === 'process';
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && node.name.text === 'env' && isProcess(node.expression)) breach(node);
    if (ts.isElementAccessExpression(node) && isProcess(node.expression)) breach(node);
    if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer && isProcess(node.initializer)) breach(node);
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier) && /^(node:)?process$/.test(node.moduleSpecifier.text)) breach(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return breaches;
}
