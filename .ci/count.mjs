// Prints "<passed> <failed>" of test reports, named with commas between: vitest's JSON, or JUnit XML as pytest writes it. Fails when one of them ran none.
import { readFileSync } from 'node:fs';

const [, , files] = process.argv;
let passed = 0;
let failed = 0;
for (const file of files.split(',')) {
  const text = readFileSync(file, 'utf8');
  const [good, bad] = file.endsWith('.json') ? ofVitest(JSON.parse(text)) : ofJUnit(text);
  if (good + bad === 0) {
    console.error(`${file} reports no test that was run`);
    process.exit(1);
  }
  passed += good;
  failed += bad;
}
console.log(`${passed} ${failed}`);

function ofVitest({ numPassedTests, numFailedTests, testResults }) {
  const brokenFiles = testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0).length;
  return [numPassedTests, numFailedTests + brokenFiles];
}

function ofJUnit(xml) {
  const [suite] = /<testsuite\b[^>]*>/.exec(xml) ?? [''];
  const count = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  return [count('tests') - failed - count('skipped'), failed];
}
