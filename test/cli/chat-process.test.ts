// `roseinfer chat` through pipes: answers alone on stdout, and an exit code that says whether all lines were done.
// @module-tag sweep
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chatModel } from '../support/models/chat-model.ts';
import { errorsIn } from '../support/run-node.ts';
import { runShell } from '../support/run-shell.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const FLAGS = '--seed 3 --max-new-tokens 6 --ignore-eos';

function run(line: string, input: string | Buffer = '', directory = temporaryDirectory()) {
  const { status, stdout, stderr } = runShell(line, directory, { input });
  expect(stdout).not.toContain('\u001B');
  return { status, stdout, stderr, errors: errorsIn(stderr), directory };
}

test('a chat in a pipe goes on after its turns, and is saved', () => {
  const model = chatModel();
  const lines = ['Who came?', '/system Be kind.', 'And then\\', 'who?', '/save chat.json', '/regenerate', ''];
  const { status, stdout, stderr, directory } = run(`npx roseinfer chat ${model} ${FLAGS} --verbose`, lines.join('\n'));
  expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
  const { messages } = JSON.parse(readFileSync(join(directory, 'chat.json'), 'utf8'));
  expect(messages.map(({ role }: { role: string }) => role)).toEqual([
    'system',
    'user',
    'assistant',
    'user',
    'assistant',
  ]);
  expect(messages[3].content).toBe('And then\nwho?');
  const [first, second] = [messages[2], messages[4]].map(({ content }) => `${content.trim()}\n`);
  expect(stdout.startsWith(`${first}\n${second}\n`)).toBe(true);
  expect(stdout).not.toContain('>');
  const statuses = [...stderr.matchAll(/^6 tokens in .* tokens\/s · (\d+) of (\d+) prompt tokens cached · cut$/gm)];
  const cached = statuses.map(([, count]) => Number(count));
  // The new system message changed all that the second had; the third has the prompt of the second.
  expect(cached.map((count) => count > 0)).toEqual([false, false, true]);
});

test('a line with an error is named, the others are done, and the exit code is 1; a model without a template reads roles', () => {
  const lines = [
    '/load gone.json',
    'Who came?',
    '/reset all',
    '/params temperature hot',
    `"""${'Why? '.repeat(20)}\n"""`,
    '/exit',
    'No more',
  ];
  const { status, stdout, stderr, errors } = run(`npx roseinfer chat ${FLAGS} --max-model-len 64`, lines.join('\n'));
  expect({ status, errors }).toEqual({
    status: 1,
    errors: [
      '/load is "gone.json": file is missing, expected a JSON file',
      '/reset is before "all", expected nothing after it',
      'temperature is "hot", expected a finite number ≥ 0',
      '3 lines of stdin had errors',
    ],
  });
  expect(stdout).toMatch(/^\S.*\n\n\S.*\n$/s);
  const notice = 'weights/tales has no chat template: messages are written as "User: …", answers as "Assistant: …"\n';
  expect(stderr).toContain(notice);
  expect(stderr).toContain('the oldest turn no longer fits into the context of 64 tokens: ');
});

test('a reader that goes away is no error, and a message may begin with a dash', () => {
  const head = `printf -- '- a list\nmore\n' | npx roseinfer chat ${FLAGS} | head -1; echo "\${PIPESTATUS[@]}"`;
  expect(run(head)).toMatchObject({ stdout: expect.stringMatching(/\n0 141 0\n$/), errors: [] });
});
