// The kernel benchmark: every kernel at the shapes of a model, beside what the adapter could do. `--help` lists its flags.

import { Device } from '../src/gpu/device.ts';
import { modelKernels } from '../src/models/kernels.ts';
import { deviceOptions } from '../src/terminal/flags.ts';
import { modelFiles } from '../src/terminal/model-files.ts';
import { readModelShape } from '../src/terminal/model-shape.ts';
import { describeDevice } from '../src/terminal/open-model.ts';
import { checkOutputs, tellNothingYet } from '../src/terminal/output-file.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { packageRoot } from '../src/util/package-info.ts';
import { runScript } from './common/script.ts';
import { SHAPE_MODEL } from './common/shape-model.ts';
import { runEstimate } from './estimate/run-estimate.ts';
import { type KernelArgs, kernelScript } from './kernels/args.ts';
import { formatResult, type KernelResult, kernelReportJson, TABLE_HEAD } from './kernels/report.ts';
import { bestRoofline, formatRoofline } from './kernels/roofline.ts';
import { RooflineProbe } from './kernels/roofline-probe.ts';
import { selectCandidates, timeCandidate } from './kernels/time-kernels.ts';
import { writeJson } from './report/json-file.ts';
import { readCommit } from './report/meta.ts';

async function benchKernels(args: KernelArgs, signal: AbortSignal): Promise<void> {
  const { model = SHAPE_MODEL, filter = '', runs, json } = args;
  await checkOutputs({ '--json': json }, { '--model': await modelFiles(model) });
  const { notices, ...shape } = await readModelShape(model, { dtype: args.dtype, kvDtype: args['kv-dtype'] });
  for (const notice of notices) console.error(notice);
  using status = new StatusLine(process.stderr);
  using device = await Device.open(deviceOptions(args));
  const candidates = selectCandidates({ device, kernels: modelKernels, ...shape }, filter);
  const print = (text: string) => {
    status.clear();
    console.log(text);
  };
  print(`model: ${model} (${shape.dtype}, KV ${shape.kvDtype}) · ${describeDevice(device.identity)}`);
  status.show('measuring what the adapter could do');
  using probe = await RooflineProbe.create(device);
  let best = await probe.measure();
  print(`${formatRoofline(best)}\n\n${TABLE_HEAD}`);
  const results: KernelResult[] = [];
  await using unsaved = new AsyncDisposableStack();
  unsaved.defer(async () => {
    if (json === undefined) return;
    if (results.length === 0) {
      if (signal.aborted) tellNothingYet('--json', json);
      return;
    }
    const commit = await readCommit(packageRoot);
    const provenance = { args, adapter: device.identity, model, dtype: shape.dtype, kvDtype: shape.kvDtype, commit };
    const isPartial = results.length < candidates.length;
    await writeJson(json, kernelReportJson(best, results, { ...provenance, isPartial }));
  });
  for (const candidate of candidates) {
    signal.throwIfAborted();
    best = bestRoofline(best, await probe.measure());
    const result = await timeCandidate(device, candidate, { runs, best });
    results.push(result);
    print(formatResult(result));
    status.show(`${results.length} of ${candidates.length} timed`);
  }
}

await runScript(kernelScript, (args, signal) =>
  args.estimate === undefined ? benchKernels(args, signal) : runEstimate(args.estimate, args),
);
