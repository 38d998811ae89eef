// Prints "<passed> <failed>" of test reports, named with commas between: vitest's JSON, or JUnit XML as pytest writes it. Fails when one
// of them ran none. A file named after them receives a line for each test that failed.
import { appendFileSync, readFileSync } from 'node:fs';

const [, , files, failuresFile] = process.argv;
const failures = [];
let passed = 0;
for (const file of files.split(',')) {
  const text = readFileSync(file, 'utf8');
  const [good, bad] = file.endsWith('.json') ? ofVitest(JSON.parse(text)) : ofJUnit(text);
  if (good + bad.length === 0) {
    console.error(`${file} reports no test that was run`);
    process.exit(1);
  }
  passed += good;
  failures.push(...bad);
}
if (failuresFile) appendFileSync(failuresFile, failures.map((line) => `${line}\n`).join(''));
console.log(`${passed} ${failures.length}`);

function ofVitest({ numPassedTests, testResults }) {
  const bad = [];
  for (const { name, status, message, assertionResults } of testResults) {
    const file = name.slice(name.lastIndexOf('/test/') + 1);
    if (status === 'failed' && assertionResults.length === 0) bad.push(`${file}: ${firstLine(message)}`);
    for (const test of assertionResults) {
      if (test.status === 'failed') bad.push(`${file} > ${test.fullName}: ${firstLine(test.failureMessages?.[0])}`);
    }
  }
  return [numPassedTests, bad];
}

function ofJUnit(xml) {
  const cases = xml.match(/<testcase\b[^>]*?(?:\/>|>[\s\S]*?<\/testcase>)/g) ?? [];
  const attribute = (text, name) => new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? '';
  const bad = cases.filter((text) => /<(?:failure|error)\b/.test(text));
  const skipped = cases.filter((text) => /<skipped\b/.test(text));
  return [
    cases.length - bad.length - skipped.length,
    bad.map((text) => `${attribute(text, 'classname')} > ${attribute(text, 'name')}: ${attribute(text, 'message').slice(0, 300)}`),
  ];
}

function firstLine(message) {
  return (message ?? '').split('\n', 1)[0].slice(0, 300);
}
