// Sums Vitest's reports (NAME.json) and the stages that failed (NAME.failed) in a folder; see .ci/run.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const folder = process.argv[2];
const stages = [...new Set(readdirSync(folder).map((file) => file.replace(/[.]\w+$/, '')))];
let [passed, failed, skipped] = [0, 0, 0];

for (const stage of stages) {
  const file = join(folder, `${stage}.json`);
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { testResults: [] };
  const tests = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status, failureMessages }) => {
      const reason = (failureMessages ?? []).join('\n').split('\n', 3).join(' | ');
      return { fullName, status, reason, file: basename(name) };
    }),
  );
  const missed = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
  // A file that does not load fails without a failed test, and counts as one; so does a stage: lint, types.
  const broken = report.testResults
    .filter(({ status }) => status === 'failed')
    .map(({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed').length || 1)
    .reduce((sum, count) => sum + count, 0);
  const stageFailed = existsSync(join(folder, `${stage}.failed`));

  passed += tests.filter(({ status }) => status === 'passed').length;
  failed += broken || (stageFailed ? 1 : 0);
  skipped += missed.length;
  for (const test of tests.filter(({ status }) => status === 'failed'))
    console.log(`failed: ${test.file}: ${test.fullName}: ${test.reason}`);
  for (const test of missed) console.log(`skipped: ${test.file}: ${test.fullName}`);
  if (stageFailed) console.log(`failed: ${stage}`);
}

if (failed > 0 || (skipped > 0 && process.env.CI === 'true')) process.exitCode = 1;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
