// The JSON report of a closed-loop benchmark: all numbers of each mode, and their origin.
import { metaJson, type RunMeta } from '../load/run-meta.ts';

/** Makes the report; `isPartial` when not every mode ran to its end. */
export function reportJson<Report>(
  modes: ReadonlyMap<string, Report>,
  { isPartial, ...meta }: RunMeta & { readonly isPartial: boolean },
) {
  return {
    schema: 'roseinfer-benchmark-1',
    partial: isPartial,
    meta: metaJson(meta),
    modes: Object.fromEntries(modes),
  };
}
