// Flags of bench/run.ts: values, defaults, refusals, and the hints about flags without effect.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { benchScript, modeOf, modesOf } from '../../../bench/load/args.ts';
import { readCommandLine } from '../../../src/terminal/command-line.ts';
import { argsOf } from '../args-of.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the flags of bench/run.ts', () => {
  test("has the defaults of the seed's benchmark, and no value where the model or the adapter decides", () => {
    expect(readCommandLine(benchScript, [])).toEqual({
      'num-requests': 16,
      'max-batch-size': 8,
      'max-new-tokens': 100,
      temperature: 1,
      'top-k': 0,
      'top-p': 1,
      'min-p': 0,
      seed: 0,
      warmup: 1,
      repeat: 1,
    });
  });

  test('reads every flag', () => {
    const line =
      '--model dir --dtype f32 --kv-dtype f16 --adapter llvm --reduction gpu --mode online --prompt a --prompts b c --num-requests 2 ' +
      '--max-batch-size 3 --max-batch-tokens 10 --max-new-tokens 4 --do-sample --temperature 0.7 --top-k 5 --top-p 0.9 --min-p 0.1 ' +
      '--ignore-eos --seed 6 --warmup 0 --repeat 7 --num-blocks 8 --max-model-len 9 --json out.json --no-profile';
    expect(readCommandLine(benchScript, line.split(' '))).toEqual({
      model: 'dir',
      dtype: 'f32',
      'kv-dtype': 'f16',
      adapter: 'llvm',
      reduction: 'gpu',
      mode: 'online',
      prompt: 'a',
      prompts: ['b', 'c'],
      'num-requests': 2,
      'max-batch-size': 3,
      'max-batch-tokens': 10,
      'max-new-tokens': 4,
      'do-sample': true,
      temperature: 0.7,
      'top-k': 5,
      'top-p': 0.9,
      'min-p': 0.1,
      'ignore-eos': true,
      seed: 6,
      warmup: 0,
      repeat: 7,
      'num-blocks': 8,
      'max-model-len': 9,
      json: 'out.json',
      profile: false,
    });
  });

  test('takes a trace file', () => {
    expect(readCommandLine(benchScript, ['--trace', 't.json'])).toMatchObject({ trace: 't.json' });
  });

  test('reads the flags of an open loop and of the engine', () => {
    const line =
      '--request-rate 2.5 --burstiness 0.5 --input-len 10-20 --output-len lognormal:50:0.7 --shared-prefix 8 ' +
      '--max-concurrency 4 --goodput ttft:100 tpot:20 --record run.jsonl --prefix-cache --policy priority ' +
      '--max-step-ms 30 --max-queued-requests 0 --max-queued-tokens 900 --tune force';
    expect(readCommandLine(benchScript, line.split(' '))).toMatchObject({
      'request-rate': 2.5,
      burstiness: 0.5,
      'input-len': { kind: 'uniform', min: 10, max: 20 },
      'output-len': { kind: 'lognormal', median: 50, sigma: 0.7 },
      'shared-prefix': 8,
      'max-concurrency': 4,
      goodput: { ttft: 100, tpot: 20 },
      record: 'run.jsonl',
      'prefix-cache': true,
      policy: 'priority',
      'max-step-ms': 30,
      'max-queued-requests': 0,
      'max-queued-tokens': 900,
      tune: 'force',
    });
    expect(readCommandLine(benchScript, ['--request-rate', 'inf'])).toMatchObject({ 'request-rate': 'inf' });
  });

  test('takes a value after an equals sign or as the next argument', () => {
    expect(readCommandLine(benchScript, ['--top-k=3', '--prompt=-5', '--do-sample=true'])).toMatchObject({
      'top-k': 3,
      prompt: '-5',
      'do-sample': true,
    });
    expect(readCommandLine(benchScript, ['--top-k', '3', '--prompt', '-', '--do-sample', 'false'])).toMatchObject({
      'top-k': 3,
      prompt: '-',
      'do-sample': false,
    });
  });

  test('keeps the largest seed exact, an empty prompt empty and a prompt of digits a text', () => {
    expect(readCommandLine(benchScript, ['--seed', '9007199254740991', '--prompt', ''])).toMatchObject({
      seed: 2 ** 53 - 1,
      prompt: '',
    });
    expect(readCommandLine(benchScript, ['--prompt', '007'])).toMatchObject({ prompt: '007' });
    expect(readCommandLine(benchScript, ['--prompts', '1', '--prompts', '2'])).toMatchObject({ prompts: ['1', '2'] });
  });

  test.each([
    ['--num-requests 0', '--num-requests is 0, expected an integer from 1 to 1000000'],
    ['--num-requests 1.5', '--num-requests is 1.5, expected an integer from 1 to 1000000'],
    ['--num-requests -3', '--num-requests is -3, expected an integer from 1 to 1000000'],
    ['--num-requests many', '--num-requests is "many", expected an integer from 1 to 1000000'],
    ['--num-requests 1000000000', '--num-requests is 1000000000, expected an integer from 1 to 1000000'],
    ['--num-requests 2147483648', '--num-requests is 2147483648, expected an integer from 1 to 1000000'],
    ['--max-batch-size 0', '--max-batch-size is 0, expected an integer from 1 to 2147483647'],
    ['--max-new-tokens 0', '--max-new-tokens is 0, expected an integer from 1 to 2147483647'],
    ['--max-model-len 0', '--max-model-len is 0, expected an integer from 1 to 2147483647'],
    ['--num-blocks 0', '--num-blocks is 0, expected an integer from 1 to 2147483647'],
    ['--warmup -1', '--warmup is -1, expected an integer from 0 to 2147483647'],
    ['--repeat 0', '--repeat is 0, expected an integer from 1 to 2147483647'],
    ['--top-k -1', '--top-k is -1, expected an integer from 0 to 2147483647'],
    ['--temperature -0.5', '--temperature is -0.5, expected a finite number ≥ 0'],
    ['--temperature Infinity', '--temperature is Infinity, expected a finite number ≥ 0'],
    ['--temperature=', '--temperature is "", expected a finite number ≥ 0'],
    ['--top-p 1.5', '--top-p is 1.5, expected a number in (0, 1]'],
    ['--top-p 0', '--top-p is 0, expected a number in (0, 1]'],
    ['--top-p NaN', '--top-p is NaN, expected a number in (0, 1]'],
    ['--min-p 2', '--min-p is 2, expected a number in [0, 1]'],
    ['--seed -1', '--seed is -1, expected an integer in [0, 2^53)'],
    ['--seed 9007199254740993', '--seed is "9007199254740993", expected an integer in [0, 2^53)'],
    ['--mode fast', '--mode is "fast", expected one of naive, offline, online, all'],
    ['--dtype q5', '--dtype is "q5", expected one of f32, f16, q8, q4'],
    ['--dtype q8_32', '--dtype is "q8_32", expected one of f32, f16, q8, q4'],
    ['--kv-dtype bf16', '--kv-dtype is "bf16", expected one of f32, f16'],
    ['--tune fast', '--tune is "fast", expected one of off, on, force'],
    ['--do-sample=maybe', '--do-sample is "maybe", expected no value, or true or false'],
    ['--prompts', '--prompts has no value, expected one'],
    ['--prompt a --prompt b', '--prompt is ["a", "b"], expected one text'],
    ['--top-k 1 --top-k 2', '--top-k is ["1", "2"], expected an integer from 0 to 2147483647'],
    ['--top-k', '--top-k has no value, expected one'],
    ['--mode --top-k 1', '--mode has no value, expected one'],
    ['--profile --trace t.json', '--trace is given with --profile, expected one of them'],
    ['--trace a --trace b', '--trace is ["a", "b"], expected one text that is not empty'],
    ['--topp 0.9', 'unknown flag "--topp", expected one that --help lists (did you mean --top-p?)'],
    ['--topK 3', expect.stringContaining('did you mean --top-k?')],
    ['--profile --report a', '--report is given with --profile, expected one of them'],
    ['--profile --report-svg a', '--report-svg is given with --profile, expected one of them'],
    ['--profile --record a', '--record is given with --profile, expected one of them'],
    ['--no-do-sampel', expect.stringContaining('did you mean --do-sample?')],
    ['--top-p 0.9 stray', 'stray word "stray", expected flags that --help lists'],
    ['-- stray', 'unknown flag "--", expected one that --help lists'],
    ['--request-rate 0', '--request-rate is 0, expected a number > 0, or inf'],
    ['--request-rate NaN', '--request-rate is NaN, expected a number > 0, or inf'],
    ['--request-rate -1', '--request-rate is -1, expected a number > 0, or inf'],
    ['--request-rate Infinity', '--request-rate is Infinity, expected a number > 0, or inf'],
    ['--request-rate 1 --request-rate 2', '--request-rate is ["1", "2"], expected a number > 0, or inf'],
    ['--request-rate 1 --burstiness 0', '--burstiness is 0, expected a number > 0'],
    ['--request-rate 1 --burstiness Infinity', '--burstiness is Infinity, expected a number > 0'],
    ['--request-rate 1 --burstiness NaN', '--burstiness is NaN, expected a number > 0'],
    ['--input-len 9-3', '--input-len is "9-3", expected N, MIN-MAX or lognormal:MEDIAN:SIGMA, in tokens from 1 on'],
    [
      '--request-rate 1 --goodput itl:3',
      '--goodput is "itl:3", expected ttft:MS, tpot:MS and e2e:MS, each at most once',
    ],
    ['--policy lifo', '--policy is "lifo", expected one of fcfs, priority, shortest-prompt-first'],
    ['--max-step-ms 0', '--max-step-ms is 0, expected a number > 0'],
    ['--burstiness 2', '--burstiness has no effect without --request-rate'],
    ['--request-rate 1 --shared-prefix 3', '--shared-prefix has no effect without --input-len, --dataset'],
    ['--goodput ttft:9', '--goodput has no effect without --request-rate, --input-len, --output-len, --dataset'],
    ['--max-concurrency 2', expect.stringMatching(/^--max-concurrency has no effect without --request-rate, /)],
    ['--max-queued-requests 2', expect.stringMatching(/^--max-queued-requests has no effect without --request-rate, /)],
    ['--max-queued-tokens 2', expect.stringMatching(/^--max-queued-tokens has no effect without --request-rate, /)],
    ['--dataset a --input-len 3', '--dataset excludes --input-len, expected one of them'],
    ['--dataset a --output-len 3', '--dataset excludes --output-len, expected one of them'],
    ['--dataset a --prompt b', '--dataset excludes --prompt, expected one of them'],
    ['--dataset a --prompts b', '--dataset excludes --prompts, expected one of them'],
    ['--input-len 3 --prompt b', '--input-len excludes --prompt, expected one of them'],
    ['--input-len 3 --prompts b', '--input-len excludes --prompts, expected one of them'],
    ['--record a', '--record needs requests that arrive over time, and one --mode'],
    ['--record a --request-rate 1 --mode all', '--record needs requests that arrive over time, and one --mode'],
    ['--request-rate 1 --repeat 2', '--repeat is 2, expected 1 when requests arrive over time'],
  ])('refuses %s', (line, message) => {
    expect(() => readCommandLine(benchScript, line.split(' '))).toThrow(
      expect.objectContaining({ name: 'UsageError', message }),
    );
  });

  test.each<[string, readonly string[]]>([
    ['--temperature 0.5 --top-k 5 --top-p 0.9 --min-p 0.1', ['top-k', 'top-p', 'min-p', 'temperature']],
    ['--temperature 1 --no-do-sample', ['temperature']],
    ['--seed 3', ['seed']],
    ['--do-sample --temperature 0.5 --top-k 5 --seed 3', []],
    ['--seed 3 --request-rate 2', []],
    ['', []],
  ])('says that flags of %j have no effect without --do-sample: %j', (line, flags) => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    readCommandLine(benchScript, line === '' ? [] : line.split(' '));
    expect(error.mock.calls).toEqual(flags.map((flag) => [`--${flag} has no effect without --do-sample`]));
  });

  test.each([
    ['--do-sample --temperature 0 --top-k 5', '--top-k has no effect at --temperature 0'],
    ['--prompts a b --num-requests 2', '--num-requests has no effect beside --prompts'],
    ['--dataset a --num-requests 2', '--num-requests has no effect beside --dataset'],
    ['--prompts a --prompt b', '--prompt has no effect beside --prompts'],
    ['--output-len 3 --max-new-tokens 2', '--max-new-tokens has no effect beside --output-len'],
    ['--dataset a --no-ignore-eos', '--ignore-eos has no effect beside --dataset'],
    ['--request-rate inf --burstiness 2', '--burstiness has no effect at --request-rate inf'],
  ])('says of %j that %s', (line, message) => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    readCommandLine(benchScript, line.split(' '));
    expect(error.mock.calls).toEqual([[message]]);
  });

  test('prints defaults when asked for help', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    expect(readCommandLine(benchScript, ['--help'])).toBeNull();
    const help = String(log.mock.calls);
    expect(help).toMatch(/--num-requests .*\[default: 16\]/);
    for (const flag of ['do-sample', 'profile', 'prefix-cache', 'ignore-eos']) {
      expect(help).toMatch(new RegExp(`--${flag} [^[]*\\[default: false\\]`));
    }
    expect(help).toMatch(/\[default: weights\/tales\]/);
  });
});

describe('modeOf', () => {
  test.each([
    ['', 'all'],
    ['--request-rate inf', 'online'],
    ['--dataset dataset.jsonl', 'online'],
    ['--dataset dataset.jsonl --mode all', 'all'],
    ['--mode naive', 'naive'],
  ])('of %j is %s', (line, mode) => {
    expect(modeOf(argsOf(benchScript, ...line.split(' ').filter(Boolean)))).toBe(mode);
  });
});

describe('modesOf', () => {
  test('is the mode, or all of them in the order of the report', () => {
    expect(modesOf(argsOf(benchScript, '--mode', 'offline'))).toEqual(['offline']);
    expect(modesOf(argsOf(benchScript))).toEqual(['naive', 'offline', 'online']);
  });
});
