// The mode `--estimate` of the kernel benchmark: prints what a named GPU allows a model's kernels, without one.
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { modelFiles } from '../../src/models/model-files.ts';
import { describeStorage } from '../../src/models/weight-storage.ts';
import { readModelShape } from '../../src/terminal/model-shape.ts';
import { checkOutputs } from '../../src/terminal/output-file.ts';
import { packageRoot } from '../../src/util/package-info.ts';
import { SHAPE_MODEL } from '../common/shape-model.ts';
import { writeJson } from '../report/json-file.ts';
import { readCommit } from '../report/meta.ts';
import { GPU_NAMES, GPUS, type GpuName } from './gpus.ts';
import { readMemory } from './memory-file.ts';
import { estimateJson, formatEstimate, formatGpus } from './report.ts';
import { estimateSteps } from './steps.ts';

/** Value of `--estimate` that prints the GPUs and the sources of their figures. */
const LIST = 'list';

/** Values of `--estimate`. */
export const ESTIMATE_CHOICES = [...GPU_NAMES, LIST] as const;

/** Flags that an estimate depends on. */
interface EstimateArgs {
  readonly model?: string | undefined;
  readonly dtype?: WeightDType | undefined;
  readonly 'kv-dtype'?: KVDType | undefined;
  readonly json?: string | undefined;
}

/**
 * Prints the estimate of a GPU, and writes it to the file of `--json`; or prints the GPUs.
 *
 * @throws errors of the model's files and of the output; UnknownLoopsError for a shader whose loops are not declared.
 */
export async function runEstimate(name: GpuName | typeof LIST, args: EstimateArgs): Promise<void> {
  if (name === LIST) {
    console.log(formatGpus());
    return;
  }
  const { model = SHAPE_MODEL, json } = args;
  await checkOutputs({ '--json': json }, { '--model': await modelFiles(model) });
  const { notices, ...shape } = await readModelShape(model, { dtype: args.dtype, kvDtype: args['kv-dtype'] });
  for (const notice of notices) console.error(notice);
  const { kvDtype } = shape;
  const dtype = describeStorage(shape.model, shape.storage);
  const { driver, shaders } = readMemory();
  const steps = await estimateSteps(shape, GPUS[name], shaders);
  console.log(formatEstimate(GPUS[name], { subject: `${model} (${dtype}, KV ${kvDtype})`, driver }, steps));
  if (json === undefined) return;
  const commit = await readCommit(packageRoot);
  await writeJson(json, estimateJson(GPUS[name], steps, { args, model, dtype, kvDtype, driver, commit }));
}
