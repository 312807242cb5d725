// `roseinfer score`: windows against a model that says how much it saw, and the command as a process.
// @module-tag sweep
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cutWindows, type ScoredToken, scoreWindows } from '../../src/cli/score/windows.ts';
import { loadTextModel } from '../../src/research/load-text-model.ts';
import { perplexity } from '../../src/research/perplexity.ts';
import { errorsIn, runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const score = (args: readonly string[], input: string | Buffer = '') =>
  runNode(['src/cli/roseinfer.js', 'score', ...args], { input: input.toString() });

describe('windows', () => {
  /** Scores of a token: the number of tokens that it is predicted from. */
  const model = {
    scoreTexts: async (texts: readonly (readonly number[])[]) =>
      texts.map((ids) => Float32Array.from(ids.slice(1), (_, i) => i + 1)),
  };

  async function scored(numTokens: number, context: number, stride: number): Promise<ScoredToken[]> {
    const ids = Array.from({ length: numTokens }, (_, i) => 100 + i);
    const tokens: ScoredToken[] = [];
    for await (const some of scoreWindows(model, ids, cutWindows(numTokens, { context, stride }))) tokens.push(...some);
    return tokens;
  }

  test.each([
    [2, 1, 1],
    [9, 8, 8],
    [10, 8, 8],
    [100, 8, 8],
    [100, 8, 3],
    [101, 8, 1],
    [1000, 7, 5],
  ])(
    'of %i tokens by %i and %i: each token but the first counts once, from as many as it can have',
    async (numTokens, context, stride) => {
      const tokens = await scored(numTokens, context, stride);
      expect(tokens.map(({ position, id }) => [position, id])).toEqual(
        Array.from({ length: numTokens - 1 }, (_, i) => [i + 1, 101 + i]),
      );
      for (const { position, logprob } of tokens) {
        // All before it in the first window; later at least what the windows share, and one.
        const least = position <= context ? position : context - stride + 1;
        expect(logprob).toBeGreaterThanOrEqual(least);
        expect(logprob).toBeLessThanOrEqual(Math.min(position, context));
      }
    },
  );
});

test('prints the perplexity of a text, and how likely each token was', async () => {
  const directory = temporaryDirectory();
  const text = 'Once upon a time there was a king, who had three sons.\n'.repeat(8);
  const file = join(directory, 'story.txt');
  writeFileSync(file, text);
  using loaded = await loadTextModel();
  const ids = loaded.tokenizer.encode(text);
  const json = JSON.parse(score([file, '--context', '32', '--stride', '20', '--json', '--per-token']).stdout);
  const want = await perplexity(loaded.model, ids, { window: 32, stride: 20 });
  expect(json).toMatchObject({
    schema: 'roseinfer-score-1',
    context: 32,
    stride: 20,
    tokens: ids.length - 1,
    bytes: text.length,
  });
  expect(json.perplexity).toBeCloseTo(want.perplexity, 9);
  expect(json.bitsPerByte).toBeCloseTo((want.natsPerToken * want.tokens) / Math.LN2 / text.length, 9);
  expect(json.perToken.map(({ id }: { id: number }) => id)).toEqual(ids.slice(1));
  const first = await loaded.model.scoreTokens(ids.slice(0, 33));
  expect(json.perToken.slice(0, 32).map(({ logprob }: { logprob: number }) => logprob)).toEqual([...first]);
  const piped = score(['--per-token'], 'Once upon a time');
  expect(piped.stdout).toMatch(
    /^position\tlogprob\tprobability\tid\ttoken\n(\d\t-\d+\.\d{4}\t[01]\.\d{4}\t\d+\t".+"\n){3}$/,
  );
  expect(piped.stderr).toMatch(/^perplexity \d+\.\d{4} · .* · 3 tokens predicted$/m);
  const plain = score(['--quiet'], 'Once upon a time');
  expect(plain.stdout).toMatch(
    /^perplexity \d+\.\d{4} · \d\.\d{4} nats a token · \d\.\d{4} bits a byte · 3 tokens predicted\n$/,
  );
  expect(plain.stderr).not.toContain('perplexity');
});

test.each<[args: readonly string[], input: string, message: string, status: number]>([
  [[], '', 'text has no token, expected at least 2: the first is predicted by nothing', 1],
  [['-'], 'a', 'text has one token, expected at least 2: the first is predicted by nothing', 1],
  [['README.md', '--context', '4096'], '', "--context is 4096, expected at most 1024, the model's context here", 2],
  [['README.md', '--context', '8', '--stride', '9'], '', '--stride is 9, expected at most the context, 8', 2],
])('refuses %j', (args, input, message, status) => {
  const outcome = score(args, input);
  expect({ ...outcome, stderr: errorsIn(outcome.stderr) }).toEqual({ status, stdout: '', stderr: [message] });
});
