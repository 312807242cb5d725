// Where each command of the documents is executed: by a test that takes it from its page, by one that runs its program, or what that
// consists of, with other values, or by .ci/run; or why nothing executes it.

/** Commands of the documents, and what executes them. */
export interface Execution {
  /** Page of the commands; every one without. */
  readonly page?: string;
  /** Beginning of the commands; every one without. */
  readonly command?: RegExp;
  /** Files that execute it. */
  readonly by?: readonly string[];
  /** Why none does. */
  readonly not?: string;
}

/** Test that runs the commands of a page in small. */
const IN_SMALL = 'test/docs/small-commands.test.ts';

/** Commands by what executes them; the first that fits counts. */
export const EXECUTIONS: readonly Execution[] = [
  { page: 'docs/command-line.md', by: ['test/docs/command-line.test.ts'] },
  { page: 'docs/structured-output.md', by: ['test/docs/command-line.test.ts'] },
  { page: 'docs/scaling.md', by: ['test/docs/scaling.test.ts'] },
  { page: 'docs/models.md', by: ['test/docs/pull.test.ts'] },
  { command: /^curl /, by: ['test/docs/server-clients.test.ts'] },
  {
    command: /^npx roseinfer pull .* && npx roseinfer serve /,
    by: ['test/docs/pull.test.ts', 'test/server/access.test.ts'],
  },
  { command: /^npx roseinfer serve /, by: ['test/server/access.test.ts'] },
  { command: /^npx roseinfer doctor/, by: ['test/doctor/doctor.test.ts'] },

  { command: /^npx node bench\/run\.ts --profile/, by: ['test/bench/profile.test.ts'] },
  { command: /^npx node bench\/kernels\.ts --invariance/, by: ['test/bench/invariance/price-order.test.ts'] },
  { command: /^npx node bench\/kernels\.ts --filter/, by: ['test/bench/kernels.test.ts'] },
  { command: /^npx node bench\/serve\.ts/, by: ['test/bench/serve.test.ts'] },
  { command: /^npx node bench\/http\.ts/, by: ['test/bench/http.test.ts'] },
  { command: /^npx node bench\/context\.ts/, by: ['test/bench/context.test.ts'] },
  { command: /^npx node bench\/constraints\.ts/, by: ['test/bench/constraints.test.ts'] },
  { command: /^npx node bench\/hostile\.ts/, by: ['test/bench/hostile.test.ts'] },
  { command: /^npx node bench\/host\.ts/, by: ['test/bench/host.test.ts'] },
  { command: /^npx node bench\/research\.ts/, by: ['test/bench/research.test.ts'] },
  { command: /^npm run bench:peers/, by: ['test/bench/peers/peers.test.ts'] },
  { command: /^npx node bench\/scheduling\.ts/, by: ['test/bench/scheduling.test.ts'] },
  { command: /^npx node bench\/quality\.ts/, by: ['test/bench/experiments/weight-quality.test.ts'] },
  { command: /^npx node bench\/kernels\.ts --estimate/, by: ['test/bench/estimate/command.test.ts'] },
  { command: /^npx (node bench\/run\.ts|roseinfer generate) .*--trace /, by: ['test/bench/trace.test.ts'] },
  // What one of them writes another reads.
  { command: /^npx node bench\/(report|simulate)\.ts/, by: [IN_SMALL] },
  { command: /^npx node bench\/run\.ts .*--(json|record) /, by: [IN_SMALL] },
  { command: /^npx node bench\/run\.ts /, by: ['test/bench/run.test.ts'] },
  { command: /^npx roseinfer generate /, by: ['test/docs/command-line.test.ts'] },

  { command: /^npm (pack|install \.\.\/)/, by: ['test/package/packed-package.ts'] },
  { command: /^npm run setup && npm run bench$/, by: ['.ci/run', 'test/bench/run.test.ts'] },
  { command: /^npm run build:page/, by: ['test/runtimes/chromium.ts'] },
  { command: /^npm run test:isa -- --family \w+ --update/, not: 'writes the files with which others are compared' },
  { command: /^npm (run (setup|check|test:|soak)|test)/, by: ['.ci/run'] },
  // Files of tests, all of which `npm test` executes.
  { command: /^npx vitest run test\//, by: ['.ci/run'] },
  { command: /^python3 /, not: 'computes golden data anew, with torch and transformers' },
];

/** Finds what executes a command; null for one that nothing here is about. */
export function executionOf(place: string, line: string): Execution | null {
  const fits = ({ page, command }: Execution) =>
    (page === undefined || place.startsWith(`${page}:`)) && (command === undefined || command.test(line));
  return EXECUTIONS.find(fits) ?? null;
}

/** Tells whether a command is one of those that are run in small. */
export function isRunInSmall(place: string, line: string): boolean {
  return executionOf(place, line)?.by?.includes(IN_SMALL) ?? false;
}
