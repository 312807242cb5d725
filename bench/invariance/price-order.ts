// The run of `--invariance`: what the fixed order of sums costs, kernel by kernel and over decode steps. A control that computes
// something else ends the run before it is timed.
import { describeStorage } from '../../src/models/weight-storage.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { packageRoot } from '../../src/util/package-info.ts';
import type { TimedModel } from '../kernels/case.ts';
import type { KernelRun } from '../kernels/time-variants.ts';
import { writeAtEnd } from '../report/json-file.ts';
import { readCommit } from '../report/meta.ts';
import { checkControls } from './contest.ts';
import { skippedControls } from './controls.ts';
import { listDecodeWork, tuningOf } from './decode-work.ts';
import {
  formatPriceRow,
  formatPriceSum,
  PRICE_HEAD,
  type PriceRow,
  priceNotes,
  priceReportJson,
  priceRow,
  priceSums,
} from './report.ts';
import { timeContest } from './time-contest.ts';

/**
 * Prints a line for each kernel of decode steps that `--filter` selects and a line for each step, and writes all to the file of
 * `--json`, what there is until then where a signal ends the run.
 *
 * @throws RangeValueError when the filter selects nothing; OutputMismatchError for a control that is wrong; GpuError without timestamps;
 * the signal's reason.
 */
export async function priceOrder(timed: TimedModel, { args, name, print, status, signal }: KernelRun): Promise<void> {
  const { device, model, storage, kvDtype } = timed;
  const { filter = '', runs: rounds, json } = args;
  status.show('choosing variants');
  const works = listDecodeWork(timed, await tuningOf(timed));
  const chosen = works.filter((work) => `${work.kernel} ${work.name} M=${work.M} `.includes(filter));
  if (chosen.length === 0)
    throw new RangeValueError('--filter', filter, 'part of "matmul qkv 768 × 2304 M=8 " or the like');
  const skipped = skippedControls(device.traits);
  print([...priceNotes(device.traits.isSoftware, skipped), '', PRICE_HEAD].join('\n'));
  const rows: PriceRow[] = [];
  await using unsaved = new AsyncDisposableStack();
  unsaved.defer(async () => {
    const provenance = {
      args,
      adapter: device.identity,
      model: name,
      dtype: describeStorage(model, storage),
      kvDtype,
      commit: await readCommit(packageRoot),
    };
    const isPartial = rows.length < chosen.length;
    const report = () => priceReportJson(rows, priceSums(works, rows), { ...provenance, isPartial, skipped });
    await writeAtEnd(json, rows.length > 0 ? report : null, signal);
  });
  for (const work of chosen) {
    signal.throwIfAborted();
    using owned = new DisposableStack();
    status.show(`${rows.length} of ${chosen.length}: preparing ${work.kernel} ${work.name}, M=${work.M}`);
    const contest = await work.prepare(device, owned);
    await checkControls(device, contest);
    signal.throwIfAborted();
    status.show(`${rows.length} of ${chosen.length}: timing ${work.kernel} ${work.name}, M=${work.M}`);
    const times = await timeContest(device, contest, { rounds, signal });
    const { ours, controls, cost } = contest;
    const row = priceRow(work, { ours: ours.name, controls: controls.map((control) => control.name), cost }, times);
    rows.push(row);
    print(formatPriceRow(row));
  }
  const sums = priceSums(works, rows);
  if (sums.length > 0) print(['', ...sums.map(formatPriceSum)].join('\n'));
}
