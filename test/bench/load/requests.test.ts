// Requests made from flags: prompts, ids, seeds, and the short ones of a warm-up.
import { describe, expect, test } from 'vitest';
import { type BenchArgs, benchScript } from '../../../bench/load/args.ts';
import { builtInPrompts } from '../../../bench/load/prompts.ts';
import { buildRequests, buildWarmup } from '../../../bench/load/requests.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { argsOf } from '../args-of.ts';

const args = (...argv: string[]) => argsOf(benchScript, ...argv);

const promptsOf = (parsed: BenchArgs) => buildRequests(parsed).map(({ prompt }) => prompt);
const seedsOf = (parsed: BenchArgs) => buildRequests(parsed).map(({ sampling }) => sampling.seed);

describe('the built-in prompts', () => {
  test("are 16 different texts of different lengths, 3 to 120 tokens by the bundled model's tokenizer", async () => {
    const tokenizer = await Tokenizer.load('weights/tales');
    const lengths = builtInPrompts.map((prompt) => tokenizer.encode(prompt).length);
    expect(new Set(builtInPrompts).size).toBe(16);
    expect(new Set(lengths).size).toBeGreaterThanOrEqual(15);
    expect(Math.min(...lengths)).toBe(3);
    expect(Math.max(...lengths)).toBe(120);
  });
});

describe('buildRequests', () => {
  test('takes the built-in prompts in turns', () => {
    expect(promptsOf(args())).toEqual(builtInPrompts);
    expect(promptsOf(args('--num-requests', '18'))).toEqual([...builtInPrompts, ...builtInPrompts.slice(0, 2)]);
    expect(promptsOf(args('--num-requests', '2'))).toEqual(builtInPrompts.slice(0, 2));
  });

  test('repeats --prompt, and takes --prompts as they are', () => {
    expect(promptsOf(args('--prompt', 'a', '--num-requests', '3'))).toEqual(['a', 'a', 'a']);
    expect(promptsOf(args('--prompts', 'a', 'b', '--prompt', 'c', '--num-requests', '3'))).toEqual(['a', 'b']);
    expect(promptsOf(args('--prompt', '', '--num-requests', '1'))).toEqual(['']);
  });

  test('gives every request a seed of its own, the same ones for the same --seed', () => {
    const seeds = seedsOf(args('--prompt', 'a', '--seed', '1'));
    expect(new Set(seeds).size).toBe(16);
    expect(seedsOf(args('--prompt', 'b', '--seed', '1', '--do-sample'))).toEqual(seeds);
    expect(seedsOf(args('--prompt', 'a', '--seed', '2'))).not.toEqual(seeds);
  });

  test('is greedy unless --do-sample is given', () => {
    const flags = ['--temperature', '0.7', '--top-k', '3', '--top-p', '0.9', '--min-p', '0.1', '--max-new-tokens', '5'];
    expect(buildRequests(args(...flags))[0]?.sampling).toMatchObject({ temperature: 0 });
    expect(buildRequests(args(...flags, '--do-sample', '--ignore-eos'))[0]?.sampling).toMatchObject({
      temperature: 0.7,
      topK: 3,
      topP: 0.9,
      minP: 0.1,
      maxTokens: 5,
      ignoreEos: true,
    });
  });
});

describe('buildWarmup', () => {
  const lengths = (maxNewTokens: string) =>
    buildWarmup(buildRequests(args('--max-new-tokens', maxNewTokens))).map(({ sampling }) => sampling.maxTokens);

  test('ends the requests one after another, from 2 tokens on, and never beyond their own limit', () => {
    const upTo9 = [2, 3, 4, 5, 6, 7, 8, 9];
    const upTo3 = [2, 3, 3, 3, 3, 3, 3, 3];
    expect(lengths('100')).toEqual([...upTo9, ...upTo9]);
    expect(lengths('3')).toEqual([...upTo3, ...upTo3]);
  });
});
