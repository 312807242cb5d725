// Benchmark of constraints: what masks add to a decode step, and what constrained requests lose of the overlap of steps. `--help` lists its
// flags.
import { DEFAULT_KV_DTYPE } from '../src/runtime/runtime-sizes.ts';
import { modelOptions } from '../src/terminal/flags.ts';
import { modelName, openModel } from '../src/terminal/open-model.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { runScript } from './common/script.ts';
import { SHAPE_MODEL } from './common/shape-model.ts';
import { type ConstraintArgs, constraintScript } from './experiments/constraint-args.ts';
import { CONTEXT, formatConstraintCosts, measureConstraints } from './experiments/constraint-cost.ts';

async function benchConstraints(args: ConstraintArgs, signal: AbortSignal): Promise<void> {
  using status = new StatusLine(process.stderr);
  await using model = await openModel(args.model ?? SHAPE_MODEL, {
    ...modelOptions(args),
    maxBatchSize: args.batch,
    maxModelLen: CONTEXT,
    signal,
    status,
    log: console.error,
  });
  const onRound = (round: number) => status.show(`round ${round} of ${args.rounds}`);
  const times = await measureConstraints(model, { batch: args.batch, rounds: args.rounds, signal, onRound });
  status.clear();
  const name = `${modelName(args.model ?? SHAPE_MODEL)} (${model.dtype}, KV ${args['kv-dtype'] ?? DEFAULT_KV_DTYPE})`;
  console.log(`${name}, decode steps of ${args.batch}`);
  console.log(formatConstraintCosts(times));
}

await runScript(constraintScript, benchConstraints);
