import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { AdapterIdentity } from '../../src/gpu/adapter.ts';
import type { BenchArgs } from '../args.ts';
import { environmentJson } from '../environment-json.ts';

/** Where the numbers come from. */
export interface Provenance {
  readonly args: BenchArgs;
  readonly adapter: AdapterIdentity;
  readonly model: string;
  readonly dtype: string;
  readonly commit: string | null;
}

/** All numbers of a benchmark, by mode, and what they depend on; `isPartial` when not every mode ran to its end. */
export function reportJson<Report>(
  modes: ReadonlyMap<string, Report>,
  { isPartial, ...provenance }: Provenance & { readonly isPartial: boolean },
) {
  return {
    schema: 'roseinfer-benchmark-1',
    partial: isPartial,
    meta: provenanceJson(provenance),
    modes: Object.fromEntries(modes),
  };
}

/** The `meta` of a report, as of now. */
export function provenanceJson({ args, adapter, model, dtype, commit }: Provenance) {
  return {
    ...environmentJson(adapter),
    commit,
    args,
    seed: args.seed,
    model,
    dtype,
  };
}

/** The commit checked out in `root`; null where that is not the top of a git checkout. */
export async function readCommit(root: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', '--show-prefix', 'HEAD'], { cwd: root });
    const [prefix, commit] = stdout.split('\n');
    return prefix === '' && commit !== undefined ? commit : null;
  } catch {
    return null;
  }
}
