// Structured output at temperature 1: 300 schemas, regular expressions, grammars and lists of texts, asked of the bundled model and of
// SmolLM2. Each output that ends has to fit, by Ajv in strict mode or by judges of our own; nine of ten have to end, and one that is
// cut has to be one that its grammar goes on with. Where the file of SmolLM2 can't be had, it says so and passes.
import { runScript } from '../../bench/common/script.ts';
import { Engine } from '../../src/engine/engine.ts';
import { GrammarCompiler } from '../../src/grammar/grammar-compiler.ts';
import type { LoadedModel } from '../../src/load-model.ts';
import { choiceFlag, integerFlag, seedFlag } from '../../src/terminal/flags.ts';
import { openModel } from '../../src/terminal/open-model.ts';
import { StatusLine } from '../../src/terminal/status-line.ts';
import { fetchSmolLM2 } from '../smollm2/file.ts';
import { CORPUS_SIZE, DRAFT_2020_12, partOfCorpus, type SuiteCases } from '../support/grammar/corpus.ts';
import { type Findings, judgeOutputs } from '../support/grammar/judge-outputs.ts';

const MODELS = ['tales', 'smollm2'] as const;
const flags = {
  model: {
    ...choiceFlag('model', MODELS),
    defaultDescription: 'both',
    describe: `one model alone: ${MODELS.join(', ')}`,
  },
  count: { ...integerFlag('count', 1), default: CORPUS_SIZE, describe: 'forms to ask for' },
  width: { ...integerFlag('width', 1), default: 16, describe: 'sequences in a step' },
  seed: { ...seedFlag('seed'), default: 0, describe: 'seed of the run' },
};
const usage =
  'node test/schemas/run.ts [flags]\n\nAsks models for outputs of many forms at temperature 1, and judges each of them.';

/** Share of the outputs that have to end. */
const MIN_ENDED = 0.9;
/** Longest compilation: a busy machine is no fault of a grammar. */
const MAX_COMPILE_MS = 120_000;
const MAX_MODEL_LEN = 1024;

/** Prompt of the model that only continues. */
const STORY = 'Once upon a time there was a king who';
/** Chat with the one that answers: short answers first, for a small model at temperature 1 rambles where a schema leaves a text or a key open. */
const CHAT = [
  { role: 'system', content: 'You answer as briefly as you can.' },
  { role: 'user', content: 'A person?' },
  { role: 'assistant', content: '{"name": "Ann", "age": 31}' },
  { role: 'user', content: 'Three numbers?' },
  { role: 'assistant', content: '[4, 8, 2]' },
  { role: 'user', content: 'A greeting?' },
  { role: 'assistant', content: '"Hello!"' },
  { role: 'user', content: 'Something else?' },
] as const;

function tellSuite({ cases: enforced, refusals, unjudged }: SuiteCases): void {
  const total = enforced.length + refusals.length + unjudged.length;
  const counts = Array.from(
    Map.groupBy(refusals, (keyword) => keyword),
    ([keyword, { length }]) => `${keyword} ${length}`,
  );
  console.log(
    `JSON Schema Test Suite, draft 2020-12: ${total} schemas, ${enforced.length} enforced, ${refusals.length} refused`,
  );
  console.log(`refused by keyword or place: ${counts.join(', ')}`);
  console.log(`left out, for they have meta-schemas of their own: ${unjudged.length}`);
}

async function smolLM2(): Promise<string | null> {
  return fetchSmolLM2().catch((error: unknown) => {
    console.log(`smollm2: not run, for the file can't be had: ${String(error).split('\n')[0]}`);
    return null;
  });
}

/** Forms, and how they are asked for. */
interface Asked {
  readonly cases: ReturnType<typeof partOfCorpus>;
  readonly width: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Outcome of a model. */
type Judged = Findings & { readonly seconds: number };

async function judge(path: string | undefined, { cases, width, seed, signal }: Asked): Promise<Judged> {
  using status = new StatusLine(process.stderr);
  // The thread that compiles would inherit the lowest priority, and starve on a busy machine.
  const yieldToAdapter = false;
  const sizes = { maxBatchSize: width, maxModelLen: MAX_MODEL_LEN };
  const options = { ...sizes, yieldToAdapter, signal, status, log: console.error };
  await using model = await openModel(path, options);
  const { runner, tokenizer, config, chat } = model;
  await using engine = new Engine({ runner, tokenizer, chat });
  const { vocabSize } = config;
  await using compiler = new GrammarCompiler({
    tokenizer,
    vocabSize,
    eosIds: runner.eosIds,
    maxCompileMs: MAX_COMPILE_MS,
  });
  const start = performance.now();
  const onEnd = (numDone: number) => {
    signal.throwIfAborted();
    status.show(`${numDone} of ${cases.length} outputs`);
  };
  const promptIds = await promptOf(model);
  const findings = await judgeOutputs(cases, { engine, compiler, promptIds, width, onEnd }, seed);
  return { ...findings, seconds: (performance.now() - start) / 1000 };
}

async function promptOf({ tokenizer, chat }: LoadedModel): Promise<readonly number[]> {
  return chat === undefined ? tokenizer.encode(STORY) : chat.template.encode(CHAT);
}

function tell(name: string, numOutputs: number, { numEnded, numIds, cut, wrong, seconds }: Judged): void {
  console.log(
    `${name}: ${numOutputs} outputs, ${numEnded} ended and fit, ${cut.length} cut at 512 tokens and gone on with, ${wrong.length} wrong · ${numIds} tokens in ${seconds.toFixed(0)} s`,
  );
  for (const each of cut) console.log(`  cut: ${each.slice(0, 200)}`);
  for (const each of wrong) console.log(`  wrong: ${each}`);
  if (wrong.length > 0 || numEnded < MIN_ENDED * numOutputs) process.exitCode = 1;
}

await runScript({ usage, flags }, async ({ model, count, width, seed }, signal) => {
  tellSuite(DRAFT_2020_12);
  const cases = partOfCorpus(Math.min(count, CORPUS_SIZE));
  for (const name of model === undefined ? MODELS : [model]) {
    const path = name === 'tales' ? undefined : await smolLM2();
    if (path !== null) tell(name, cases.length, await judge(path, { cases, width, seed, signal }));
  }
});
