// `roseinfer tune`: measures which variants of kernels are fast on this adapter, and keeps that for every later start. The results of a
// model are the same with any of them.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InferredOptionTypes } from 'yargs';
import { Device } from '../gpu/device.ts';
import { modelKernels } from '../models/kernels.ts';
import { describeStorage } from '../models/weight-storage.ts';
import { modelWork } from '../runtime/model-work.ts';
import { resolveSizes } from '../runtime/runtime-sizes.ts';
import { deviceOptions, integerFlag, modelFlags, quietFlag, sizeFlags, switchFlag } from '../terminal/flags.ts';
import { readModelShape } from '../terminal/model-shape.ts';
import { describeDevice, modelName } from '../terminal/open-model.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { loadTuning } from '../tuning/load-tuning.ts';
import { listTunables } from '../tuning/tunables.ts';
import { TuningFile } from '../tuning/tuning-file.ts';
import { probeDraft } from '../util/atomic-write.ts';
import { count } from '../util/count.ts';
import { cacheDirectory } from '../util/environment.ts';
import { RoseinferError } from '../util/errors.ts';
import { quote } from '../util/quote.ts';
import { codeOf } from '../util/regular-file.ts';
import { defineCommand } from './command.ts';

/** The flags of `roseinfer tune`. */
const tuneFlags = {
  force: { ...switchFlag('force'), describe: 'measure again what was measured before' },
  'max-batch-size': {
    ...sizeFlags['max-batch-size'],
    describe: 'most sequences in a step, as in the runs to come',
  },
  'max-batch-tokens': { ...integerFlag('max-batch-tokens', 1), describe: 'most tokens in a step' },
  'max-model-len': sizeFlags['max-model-len'],
  json: { ...switchFlag('json'), describe: 'print one JSON object instead of text' },
  ...modelFlags,
  ...quietFlag,
};

/** Values of the flags of `roseinfer tune`. */
type TuneArgs = InferredOptionTypes<typeof tuneFlags>;

/** Error of measurements that are kept nowhere. */
class NoCacheError extends RoseinferError {}

/**
 * Measures the variants of a model's kernels, at its shapes and without its weights, and prints where the measurements are.
 *
 * @throws NoCacheError where there is no directory for them, or none that can be written.
 */
async function tune(args: TuneArgs, signal: AbortSignal): Promise<void> {
  const directory = cacheDirectory();
  if (directory === null) {
    throw new NoCacheError(
      'directory of measurements is unknown, expected one in ROSEINFER_CACHE, XDG_CACHE_HOME or HOME',
    );
  }
  await probe(directory);
  using status = StatusLine.of(args);
  status.show('looking for an adapter');
  using device = await Device.open(deviceOptions(args));
  const { dtype, 'kv-dtype': kvDtype } = args;
  const { model, storage, kvDtype: stored, notices } = await readModelShape(args.model, { dtype, kvDtype });
  for (const notice of notices) status.say(notice);
  const { 'max-batch-size': maxBatchSize, 'max-batch-tokens': maxBatchTokens, 'max-model-len': maxModelLen } = args;
  const asked = { kvDtype: stored, maxBatchSize, maxBatchTokens, maxModelLen };
  const tunables = listTunables(
    device,
    modelWork(device, model, resolveSizes(model.config, asked, storage, device), modelKernels),
  );
  let measured = 0;
  await loadTuning(device, () => tunables, {
    mode: args.force ? 'force' : 'on',
    budget: Number.POSITIVE_INFINITY,
    onProgress: (done, total) => {
      signal.throwIfAborted();
      measured = done;
      status.show(
        `measuring which variants of kernels are fast here: ${done} of ${count(total, 'size')}`,
        done / total,
      );
    },
  });
  status.clear();
  const kernels = await Promise.all(
    tunables.map(async (tunable) => {
      const file = await TuningFile.of(device, tunable);
      const choices = await file.read();
      const sizes = tunable.sizes.filter((each) => tunable.candidates(each).length > 1).length;
      return { kernel: tunable.kernel.name, sizes, kept: choices.length, file: file.path };
    }),
  );
  const lost = kernels.find(({ sizes, kept }) => kept < sizes);
  if (lost !== undefined) {
    throw new NoCacheError(
      `${lost.file} can't be written, expected a directory that can; ROSEINFER_CACHE names another`,
    );
  }
  const name = modelName(args.model);
  if (args.json) {
    const { identity } = device;
    console.log(
      JSON.stringify({ schema: 'roseinfer-tune-1', model: name, adapter: identity, directory, measured, kernels }),
    );
    return;
  }
  const total = kernels.reduce((sum, { sizes }) => sum + sizes, 0);
  console.log(`${name} (${describeStorage(model, storage)}) · ${describeDevice(device.identity)}`);
  for (const { kernel, sizes, file } of kernels)
    if (sizes > 0) console.log(`${kernel}: ${count(sizes, 'size')} in ${file}`);
  console.log(
    `${measured} of ${count(total, 'size')} measured now, the others before; --tune on of other commands takes them`,
  );
}

/** Finds out before the measuring whether its results can be kept. */
async function probe(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await probeDraft(join(directory, 'tuning'));
  } catch (cause) {
    const found = `directory of measurements is ${quote(directory)} (${codeOf(cause)})`;
    throw new NoCacheError(`${found}, expected one that can be written; ROSEINFER_CACHE names another`, { cause });
  }
}

/** The command `roseinfer tune`. */
export const tuneCommand = defineCommand({
  flags: tuneFlags,
  examples: [
    ['roseinfer tune', 'the kernels of the bundled model'],
    ['roseinfer tune --model openai-community/gpt2 --dtype q8', 'those of another, as it will be loaded'],
    ['roseinfer tune --force', 'again, after a change of the machine that its driver does not tell'],
  ],
  run: tune,
});
