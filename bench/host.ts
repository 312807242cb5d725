// Benchmark of the host: what a decode step costs JavaScript's side of WebGPU, on Dawn's null backend. `--help` lists its flags.
import { openDevice } from '../src/gpu/device.ts';
import { openSource } from '../src/models/resolve-model.ts';
import { describeStorage } from '../src/models/weight-storage.ts';
import { ModelRunner } from '../src/runtime/model-runner.ts';
import { DEFAULT_BLOCK_SIZE, resolveSizes } from '../src/runtime/runtime-sizes.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { NativeCalls } from './common/native-calls.ts';
import { runScript } from './common/script.ts';
import { SHAPE_MODEL } from './common/shape-model.ts';
import { type HostArgs, hostScript } from './experiments/host-args.ts';
import { blocksOfSteps, formatHostCosts, hostSteps, measureHost } from './experiments/host-cost.ts';

async function benchHost({ model: name = SHAPE_MODEL, ...args }: HostArgs, signal: AbortSignal): Promise<void> {
  using status = new StatusLine(process.stderr);
  const { model, source, tokenizer } = await openSource(name);
  await using weights = source;
  using device = await openDevice({ backend: 'null' });
  const steps = hostSteps(model.config.numPositions);
  const numBlocks = blocksOfSteps(steps, DEFAULT_BLOCK_SIZE);
  const options = { dtype: args.dtype, kvDtype: args['kv-dtype'], numBlocks };
  const sizes = resolveSizes(model.config, options, weights, device);
  status.show('loading');
  const calls = new NativeCalls(device.gpu);
  await using runner = await ModelRunner.create(device, model, weights, sizes, { tune: 'off', verify: false });
  const onRound = (round: number) => status.show(`round ${round} of ${args.rounds}`);
  const costs = await measureHost({ runner, tokenizer, calls }, steps, { rounds: args.rounds, signal, onRound });
  status.clear();
  console.log(`${name} (${describeStorage(model, sizes.storage)}, KV ${sizes.kvDtype}) on Dawn's null backend`);
  console.log(formatHostCosts(costs));
}

await runScript(hostScript, benchHost);
