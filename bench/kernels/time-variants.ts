// The usual run of the kernel benchmark: every variant of every kernel at the shapes of a model, beside the adapter's best.
import { describeStorage } from '../../src/models/weight-storage.ts';
import type { StatusLine } from '../../src/terminal/status-line.ts';
import { bestRoofline, formatRoofline } from '../../src/timing/roofline.ts';
import { packageRoot } from '../../src/util/package-info.ts';
import { wantsReport, writeReport } from '../charts/report-files.ts';
import { openProbe } from '../common/open-probe.ts';
import { pollSlowly } from '../common/slow-polling.ts';
import { writeAtEnd } from '../report/json-file.ts';
import { readCommit } from '../report/meta.ts';
import type { KernelArgs } from './args.ts';
import type { TimedModel } from './case.ts';
import { kernelPage } from './kernel-page.ts';
import { formatResult, type KernelResult, kernelReportJson, TABLE_HEAD } from './report.ts';
import { selectCandidates, timeCandidate } from './time-kernels.ts';

/** Flags and output of a run of the kernel benchmark. */
export interface KernelRun {
  readonly args: KernelArgs;
  /** Name of the model. */
  readonly name: string;
  /** Prints a line, with the status line out of its way. */
  readonly print: (text: string) => void;
  readonly status: StatusLine;
  readonly signal: AbortSignal;
}

/**
 * Times the variants that `--filter` selects, prints a line for each and writes all to the file of `--json`, those until then
 * where a signal ends the run, and as a page to that of `--report`.
 *
 * @throws RangeValueError when the filter selects none; GpuError without timestamps; the signal's reason.
 */
export async function timeVariants(timed: TimedModel, { args, name, print, status, signal }: KernelRun): Promise<void> {
  const { device, model, storage, kvDtype } = timed;
  const dtype = describeStorage(model, storage);
  const { filter = '', runs, json } = args;
  const candidates = selectCandidates(timed, filter);
  status.show('measuring what the adapter could do');
  using probe = await openProbe(device);
  const measure = () => pollSlowly(device.traits, () => probe.measure());
  let best = await measure();
  print(`${formatRoofline(best)}\n\n${TABLE_HEAD}`);
  const results: KernelResult[] = [];
  await using unsaved = new AsyncDisposableStack();
  unsaved.defer(async () => {
    const commit = await readCommit(packageRoot);
    const provenance = { args, adapter: device.identity, model: name, dtype, kvDtype, commit };
    const isPartial = results.length < candidates.length;
    const report = () => kernelReportJson(best, results, { ...provenance, isPartial });
    await writeAtEnd(json, results.length > 0 ? report : null, signal);
    if (wantsReport(args) && results.length > 0) await writeReport(args, kernelPage(report()));
  });
  for (const candidate of candidates) {
    signal.throwIfAborted();
    best = bestRoofline(best, await measure());
    const result = await timeCandidate(device, candidate, { runs, best });
    results.push(result);
    print(formatResult(result));
    status.show(`${results.length} of ${candidates.length} timed`);
  }
}
