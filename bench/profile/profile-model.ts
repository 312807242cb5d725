// The profile of a model, kernel by kernel: the kernels are those that its runner records, whatever the architecture.
import { deriveSeed } from '../../src/core/sampling-params.ts';
import type { LoadedModel } from '../../src/load-model.ts';
import { modelName } from '../../src/terminal/open-model.ts';
import type { StatusLine } from '../../src/terminal/status-line.ts';
import { packageRoot } from '../../src/util/package-info.ts';
import { openProbe } from '../common/open-probe.ts';
import type { BenchArgs } from '../load/args.ts';
import { writeJson } from '../report/json-file.ts';
import { readCommit, reportMeta } from '../report/meta.ts';
import { measureReadback, measureStep } from './measure-step.ts';
import { formatStep, METHOD, reportStep, type StepReport } from './profile-report.ts';
import { decodeStep, type ProfiledStep, prefillStep } from './step-plans.ts';

/**
 * Prints where the time of a decode and of a prefill step of a model goes, kernel by kernel, and writes it to the file of
 * `--json`.
 *
 * @throws GpuError when the adapter has no timestamps or no room for the probes; the signal's reason.
 */
export async function profileModel(
  model: LoadedModel,
  args: BenchArgs,
  { signal, status }: { readonly signal: AbortSignal; readonly status: StatusLine },
): Promise<void> {
  const { runner, device, adapter, dtype, fallbacks, tokenizer } = model;
  const sampling = {
    temperature: args['do-sample'] ? args.temperature : 0,
    topK: args['top-k'],
    topP: args['top-p'],
    minP: args['min-p'],
    seed: deriveSeed(args.seed, 0),
  };
  const limits = { ...runner.limits, vocabSize: Math.min(tokenizer.vocabSize, runner.limits.vocabSize) };
  const steps = [decodeStep(limits, sampling), prefillStep(limits, sampling)];
  status.show('looking for what the adapter can do');
  using probe = await openProbe(device);
  const readback = await measureReadback(device);
  const reports: Partial<Record<ProfiledStep['kind'], StepReport>> = {};
  for (const step of steps) {
    const onRound = (round: string) => status.show(`${step.kind} step: ${round}`);
    const measurement = await measureStep(runner, step, { device, probe, signal, onRound });
    status.clear();
    const report = reportStep(step, measurement, readback);
    reports[step.kind] = report;
    console.log(`${formatStep(step, report)}\n`);
  }
  console.log(`How: ${METHOD}.`);
  if (args.json === undefined) return;
  const commit = await readCommit(packageRoot);
  const meta = reportMeta({ args, adapter, model: modelName(args.model), dtype, fallbacks, commit });
  await writeJson(args.json, { schema: 'roseinfer-profile-1', meta, method: METHOD, steps: reports });
}
