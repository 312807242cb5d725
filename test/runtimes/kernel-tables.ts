// The kernels of the examined models, a forward pass and requests of the bundled one, on Dawn or on the host's own WebGPU. Runs in Node, Bun
// and Deno, and writes what it found as JSON.
//   kernel-tables.ts FILE [own]
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { examine } from '../../bench/page/examine.ts';
import { Engine } from '../../src/engine/engine.ts';
import { Device } from '../../src/gpu/device.ts';
import { loadModel } from '../../src/load-model.ts';
import { loadTextModel } from '../../src/research/load-text-model.ts';
import { digestOf } from '../../src/util/digest.ts';

/** Ids of a text: more than a tile of keys, so that blocks and rescaling take part. */
const TEXT = Array.from({ length: 70 }, (_, i) => (i * 577 + 11) % 8192);

const PROMPTS = ['Once upon a time', 'The king had', 'A dog'];

const [file = '', whose] = process.argv.slice(2);

/** Deno 2.9.6 ends with a panic where the adapter of a device is collected as garbage before the device. */
const adapters: GPUAdapter[] = [];

/** A device of the host itself, as simple as WebGPU allows, handed over to the package. */
async function ownDevice(): Promise<{ readonly gpu?: GPUDevice; readonly ownsGpu?: boolean }> {
  if (whose !== 'own') return {};
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('the host has no adapter');
  adapters.push(adapter);
  return { gpu: await adapter.requestDevice(), ownsGpu: true };
}

/** A forward pass of the bundled model. */
async function forwardPass() {
  using loaded = await loadTextModel(undefined, await ownDevice());
  const { logits } = await loaded.model.forward(TEXT);
  const values = await logits.readF32();
  const last = Array.from(values.subarray(-loaded.model.config.vocabSize));
  return { bits: digestOf(new Uint32Array(values.buffer)), last };
}

/** Ids that the engine samples for some requests side by side. */
async function engineIds(): Promise<readonly (readonly number[])[]> {
  await using loaded = await loadModel(undefined, {
    ...(await ownDevice()),
    maxBatchSize: PROMPTS.length,
    warmUp: false,
  });
  await using engine = new Engine({ runner: loaded.runner, tokenizer: loaded.tokenizer });
  const responses = PROMPTS.map((prompt, seed) => engine.generate({ prompt, sampling: { maxTokens: 12, seed } }));
  return (await Promise.all(responses)).map(({ ids }) => ids);
}

const begin = performance.now();
const report = await examine({
  open: async (reduction) => Device.open({ ...(await ownDevice()), reduction }),
  variants: 'base',
  onEvent: (event) => {
    const what = event.kind === 'kernel' ? event.report.kernel : event.kind;
    console.log(`${((performance.now() - begin) / 1000).toFixed(1)} s ${what}`);
  },
});
writeFileSync(file, JSON.stringify({ report, forward: await forwardPass(), ids: await engineIds() }));
