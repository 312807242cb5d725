// The kernel benchmark: every kernel at the shapes of a model, beside what the adapter could do, or beside kernels that sum in no
// fixed order. `--help` lists its flags.

import { Device } from '../src/gpu/device.ts';
import { modelKernels } from '../src/models/kernels.ts';
import { modelFiles } from '../src/models/model-files.ts';
import { describeStorage } from '../src/models/weight-storage.ts';
import { deviceOptions } from '../src/terminal/flags.ts';
import { readModelShape } from '../src/terminal/model-shape.ts';
import { describeDevice } from '../src/terminal/open-model.ts';
import { checkOutputs } from '../src/terminal/output-file.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { checkReport } from './charts/report-files.ts';
import { runScript } from './common/script.ts';
import { SHAPE_MODEL } from './common/shape-model.ts';
import { runEstimate } from './estimate/run-estimate.ts';
import { priceOrder } from './invariance/price-order.ts';
import { type KernelArgs, kernelScript } from './kernels/args.ts';
import { timeVariants } from './kernels/time-variants.ts';

async function benchKernels(args: KernelArgs, signal: AbortSignal): Promise<void> {
  const { model: name = SHAPE_MODEL, json } = args;
  await checkReport(args);
  await checkOutputs({ '--json': json, '--report': args.report }, { '--model': await modelFiles(name) });
  const { notices, ...shape } = await readModelShape(name, { dtype: args.dtype, kvDtype: args['kv-dtype'] });
  for (const notice of notices) console.error(notice);
  using status = new StatusLine(process.stderr);
  using device = await Device.open(deviceOptions(args));
  const print = (text: string) => {
    status.clear();
    console.log(text);
  };
  const dtype = describeStorage(shape.model, shape.storage);
  print(`model: ${name} (${dtype}, KV ${shape.kvDtype}) · ${describeDevice(device.identity)}`);
  const run = args.invariance ? priceOrder : timeVariants;
  await run({ device, kernels: modelKernels, ...shape }, { args, name, print, status, signal });
}

await runScript(kernelScript, (args, signal) =>
  args.estimate === undefined ? benchKernels(args, signal) : runEstimate(args.estimate, args),
);
