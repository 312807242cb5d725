// JSON report of bench/run.ts: the numbers of each scheduler beside their origin.
import { type BenchArgs, modeOf } from '../load/args.ts';
import { type ReportOrigin, reportMeta } from '../report/meta.ts';

/** Schema of the file of `bench/run.ts --json`. */
export const BENCHMARK_SCHEMA = 'roseinfer-benchmark-1';

/** Makes the report of all modes by name; `isPartial` when not every mode ran to its end. */
export function reportJson<Report>(
  modes: ReadonlyMap<string, Report>,
  { isPartial, args, ...origin }: ReportOrigin<BenchArgs> & { readonly isPartial: boolean },
) {
  return {
    schema: BENCHMARK_SCHEMA,
    partial: isPartial,
    meta: reportMeta({ ...origin, args: { ...args, mode: modeOf(args) } }),
    modes: Object.fromEntries(modes),
  };
}
