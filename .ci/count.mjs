// Prints "<passed> <failed>" of a test report: vitest's JSON, or JUnit XML as pytest writes it. Fails when no test was run.
import { readFileSync } from 'node:fs';

const [, , file] = process.argv;
const text = readFileSync(file, 'utf8');
const [passed, failed] = file.endsWith('.json') ? ofVitest(JSON.parse(text)) : ofJUnit(text);
if (passed + failed === 0) {
  console.error(`${file} reports no test that was run`);
  process.exit(1);
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
