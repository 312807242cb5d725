// The `meta` of a report about runs: adapter, versions, commit, arguments and seed, so that numbers can be reproduced.
import type { AdapterIdentity } from '../../src/gpu/adapter.ts';
import { environmentJson } from '../common/environment-json.ts';
import type { BenchArgs } from './args.ts';

/** Origin of the numbers of a report. */
export interface RunMeta {
  readonly args: BenchArgs;
  readonly adapter: AdapterIdentity;
  readonly model: string;
  readonly dtype: string;
  readonly commit: string | null;
}

/** Makes the `meta` of a report, as of now. */
export function metaJson({ args, adapter, model, dtype, commit }: RunMeta) {
  return {
    ...environmentJson(adapter),
    commit,
    args,
    seed: args.seed,
    model,
    dtype,
  };
}
