// Options of loadModel and loadTextModel as a JavaScript caller may write them: wrong ones are refused by name before
// anything is read.
import { expect, test } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import { loadModel } from '../src/load-model.ts';
import { BUNDLED_MODEL } from '../src/models/bundled-model.ts';
import { modelKernels } from '../src/models/kernels.ts';
import { loadTextModel } from '../src/research/load-text-model.ts';
import { RangeValueError } from '../src/util/errors.ts';

/** Options as a JavaScript caller may give them. */
function loadWith(
  load: (name: never, options: never) => Promise<unknown>,
  options: unknown,
  name: unknown = BUNDLED_MODEL,
) {
  return load(name as never, options as never);
}

test.each([
  [
    { maxbatchsize: 8 },
    /^key of options of loadModel is "maxbatchsize", expected one of .*did you mean "maxBatchSize"/,
  ],
  [{ dType: 'f16' }, /^key of options of loadModel is "dType", .*did you mean "dtype"/],
  [{ numSampledIds: 5 }, /^key of options of loadModel is "numSampledIds", expected one of adapter, /],
  [null, /^options of loadModel is null, expected an object$/],
  [8, /^options of loadModel is 8, expected an object$/],
  [['f16'], /^options of loadModel is \["f16"\], expected an object$/],
  [{ dtype: 'f8' }, /^dtype is "f8", expected one of f32, f16, q8, q4$/],
  [{ dtype: 'q8_32' }, /^dtype is "q8_32", expected one of f32, f16, q8, q4$/],
  [{ dtype: null }, /^dtype is null, expected one of f32, f16, q8, q4$/],
  [{ kvDtype: 'q8' }, /^kvDtype is "q8", expected one of f32, f16$/],
  [{ maxBatchSize: '8' }, /^maxBatchSize is "8", expected an integer ≥ 1$/],
  [{ maxBatchTokens: 0.5 }, /^maxBatchTokens is 0.5, expected an integer ≥ 1$/],
  [{ maxModelLen: Number.NaN }, /^maxModelLen is NaN, expected an integer ≥ 1$/],
  [{ blockSize: -16 }, /^blockSize is -16, expected an integer ≥ 1$/],
  [{ numBlocks: 2 ** 53 }, /^numBlocks is 9007199254740992, expected an integer ≥ 1$/],
  [{ maxLogitsRows: true }, /^maxLogitsRows is true, expected an integer ≥ 1$/],
  [{ adapter: 0 }, /^adapter is 0, expected a text$/],
  [{ backend: ['vulkan'] }, /^backend is \["vulkan"\], expected a text$/],
  [{ features: 'all' }, /^features is "all", expected one of auto, base$/],
  [{ tune: true }, /^tune is true, expected one of off, on, force$/],
  [{ returnLogits: 1 }, /^returnLogits is 1, expected true or false$/],
  [{ warmUp: 'yes' }, /^warmUp is "yes", expected true or false$/],
  [{ yieldToAdapter: 19 }, /^yieldToAdapter is 19, expected true or false$/],
  [{ pollGovernor: 'off' }, /^pollGovernor is "off", expected true or false$/],
  [{ seed: -1 }, /^seed is -1, expected an integer in \[0, 2\^53\)$/],
  [{ onPlan: 5 }, /^onPlan is 5, expected a function$/],
  [{ onProgress: {} }, /^onProgress is an object, expected a function$/],
  [{ kernels: {} }, /^kernels is an object, expected a kernel for each of embed, embedTokens, layernorm, /],
])('loadModel refuses %j by name', async (options, message) => {
  const refused = loadWith(loadModel, options);
  await expect(refused).rejects.toThrow(RangeValueError);
  await expect(refused).rejects.toThrow(message);
});

test('loadModel refuses kernels of which one is no kernel', async () => {
  const refused = loadWith(loadModel, { kernels: { ...modelKernels, sample: 5 } });
  await expect(refused).rejects.toThrow(
    /^kernels is an object, expected a kernel for each of embed, embedTokens, layernorm, /,
  );
});

test.each([
  [{ maxBatchSize: 8 }, /^key of options of loadTextModel is "maxBatchSize", expected one of adapter, /],
  [{ dtypes: 'f16' }, /^key of options of loadTextModel is "dtypes", .*did you mean "dtype"/],
  [{ kvDtype: 'f8' }, /^kvDtype is "f8", expected one of f32, f16$/],
])('loadTextModel refuses %j by name', async (options, message) => {
  await expect(loadWith(loadTextModel, options)).rejects.toThrow(message);
});

test.each([[5], [null], [''], [['weights/tales']], [new URL('file:///weights')]])(
  'a model called %j is refused by both',
  async (name) => {
    await expect(loadWith(loadTextModel, {}, name)).rejects.toThrow(
      /^model is .*, expected a directory, a GGUF file, or random:gpt2$/,
    );
    await expect(loadWith(loadModel, {}, name)).rejects.toThrow(
      /^model is .*, expected a directory, a GGUF file, or random:gpt2$/,
    );
  },
);

const real = globalThis.setImmediate;

test.each([undefined, true, false])(
  'with pollGovernor %j, polls are governed while requests run',
  async (pollGovernor) => {
    await using model = await loadModel(BUNDLED_MODEL, { maxBatchSize: 1, maxModelLen: 64, pollGovernor });
    const seen = new Set<boolean>();
    const { runner, tokenizer } = model;
    const onStep = () => seen.add(globalThis.setImmediate !== real);
    await using engine = new Engine({ runner, tokenizer, observers: [{ onStep }] });
    await engine.generate({ prompt: 'The king', sampling: { maxTokens: 6, ignoreEos: true } });
    // The result of a step is reported while the next one is pending, except for the last.
    expect(seen.has(true)).toBe(pollGovernor ?? model.adapter.isSoftware);
    expect(globalThis.setImmediate).toBe(real);
  },
);

test('two models govern the polls of both, and the one that is closed leaves them to the other', async () => {
  const options = { maxBatchSize: 1, maxModelLen: 64, pollGovernor: true };
  await using model = await loadModel(BUNDLED_MODEL, options);
  const other = await loadModel(BUNDLED_MODEL, options);
  const seen = new Set<boolean>();
  const onStep = () => seen.add(globalThis.setImmediate !== real);
  await using engine = new Engine({ runner: model.runner, tokenizer: model.tokenizer, observers: [{ onStep }] });
  const otherEngine = new Engine({ runner: other.runner, tokenizer: other.tokenizer });
  const sampling = { maxTokens: 40, ignoreEos: true };
  const stream = otherEngine.stream({ prompt: 'A frog', sampling });
  await stream.next();
  const running = engine.generate({ prompt: 'The king', sampling });
  await otherEngine.close();
  await other.close();
  expect((await running).ids.length).toBe(40);
  seen.clear();
  await engine.generate({ prompt: 'Once', sampling: { maxTokens: 6, ignoreEos: true } });
  expect(seen.has(true)).toBe(true);
  await engine.close();
  expect(globalThis.setImmediate).toBe(real);
});
