// `roseinfer generate` in a shell: pipes, files, and prompts as people give them.
// @module-tag sweep
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errorsIn } from '../support/run-node.ts';
import { runShell } from '../support/run-shell.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const GREEDY = '--temperature 0 --max-new-tokens 6';

const SCHEMAS = {
  'pets.json': { properties: { name: { not: { type: 'string' } } } },
  'numbers.json': { type: 'array', items: { type: 'integer' }, minItems: 50 },
  'cat.json': { const: { name: 'Tom' } },
};

interface Want {
  readonly status?: number;
  readonly stdout?: unknown;
  readonly errors?: readonly unknown[];
}

const story = expect.stringMatching(/^.+\n$/s);

test.each<[line: string, want: Want]>([
  [`npx roseinfer generate "Once upon" ${GREEDY} | head -1`, { stdout: story }],
  [`npx roseinfer generate "Once upon" ${GREEDY} > out.txt && cat out.txt`, { stdout: story }],
  [`npx roseinfer generate --file story.txt ${GREEDY}`, { stdout: story }],
  [`NO_COLOR=1 npx roseinfer generate ${GREEDY} < story.txt`, { stdout: story }],
  [
    `npx roseinfer generate < /dev/null`,
    { status: 2, stdout: '', errors: [expect.stringMatching(/^--prompt is missing and stdin is empty/)] },
  ],
  [`npx roseinfer generate "- a list" ${GREEDY}`, { stdout: story }],
  [`npx roseinfer generate ${GREEDY} -- "--help me"`, { stdout: story }],
  [
    `npx roseinfer generate "-x" ${GREEDY}`,
    { status: 2, stdout: '', errors: [expect.stringMatching(/^unknown flag "-x"/)] },
  ],
  [
    `npx roseinfer generate < latin.txt`,
    { status: 1, stdout: '', errors: ['stdin is no UTF-8, expected a text in UTF-8'] },
  ],
  [
    `npx roseinfer generate --file nowhere.txt`,
    { status: 1, stdout: '', errors: ['--file is "nowhere.txt" (ENOENT), expected a file with a prompt'] },
  ],
  [
    `npx roseinfer generate a --file story.txt`,
    { status: 2, stdout: '', errors: ['--prompt is beside --file, expected one of them'] },
  ],
  [
    `npx roseinfer generate a --schema story.txt`,
    { status: 1, stdout: '', errors: ['--schema is "story.txt": file is not JSON, expected a JSON object'] },
  ],
  [
    `npx roseinfer generate a --schema pets.json`,
    {
      status: 1,
      stdout: '',
      errors: [
        expect.stringMatching(/^--schema is "pets.json": schema at #\/properties\/name: not is not supported: /),
      ],
    },
  ],
  [
    `npx roseinfer generate a --schema numbers.json ${GREEDY}`,
    {
      status: 1,
      stdout: expect.stringMatching(/^\[.*\n$/s),
      errors: [expect.stringMatching(/^a completion was cut after 6 tokens, within its JSON: raise --max-new-tokens/)],
    },
  ],
  [
    `npx roseinfer generate a --schema cat.json --trace cat.json`,
    {
      status: 2,
      stdout: '',
      errors: ['--trace is "cat.json", expected another file than --schema names'],
    },
  ],
  [`npx roseinfer generate a --schema cat.json`, { stdout: '{"name":"Tom"}\n' }],
  [`npx roseinfer generate a --schema cat.json -n 2`, { stdout: '{"name":"Tom"}\n\n{"name":"Tom"}\n' }],
  [
    `head -c 100000 /dev/zero | tr '\\0' a | npx roseinfer generate`,
    {
      status: 2,
      errors: [expect.stringMatching(/^prompt length is \d+, expected at most 1023, for the context 1024/)],
    },
  ],
])('%s', (line, { status = 0, stdout, errors = [] }) => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'story.txt'), '\uFEFFOnce upon\r\n');
  writeFileSync(join(directory, 'latin.txt'), Buffer.from('caf\xe9', 'latin1'));
  for (const [name, schema] of Object.entries(SCHEMAS)) writeFileSync(join(directory, name), JSON.stringify(schema));
  const result = runShell(line, directory);
  expect({ status: result.status, errors: errorsIn(result.stderr) }).toEqual({ status, errors });
  if (stdout !== undefined) expect(result.stdout).toEqual(stdout);
  expect(result.stdout).not.toContain('\u001B');
});

test('prints completions as JSON, and how likely each token was in a table', () => {
  const directory = temporaryDirectory();
  const flags = '"Once upon" --seed 3 --max-new-tokens 4';
  const json = runShell(`npx roseinfer generate ${flags} --json -n 2 --show-logprobs`, directory);
  const completions = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(completions.map(({ index }) => index)).toEqual([0, 1]);
  expect(completions[0].ids).not.toEqual(completions[1].ids);
  expect(completions[0].logprobs).toHaveLength(4);
  const table = runShell(`npx roseinfer generate ${flags} --show-logprobs`, directory).stdout;
  expect(table).toMatch(/^logprob\tprobability\tid\ttoken\n(-?\d+\.\d{4}\t[01]\.\d{4}\t\d+\t".*"\n){4}$/);
});
