// Benchmark of context: milliseconds per decoded token of one sequence at several context lengths. `--help` lists
// its flags.
import { deriveSeed } from '../src/core/sampling-params.ts';
import { DEFAULT_KV_DTYPE } from '../src/runtime/runtime-sizes.ts';
import { modelOptions } from '../src/terminal/flags.ts';
import { modelName, openModel } from '../src/terminal/open-model.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { runScript } from './common/script.ts';
import { SHAPE_MODEL } from './common/shape-model.ts';
import { type ContextArgs, contextScript } from './experiments/context-args.ts';
import { contextLengths, fitLine, formatContextCosts, measureContexts } from './experiments/context-cost.ts';

async function benchContext(args: ContextArgs, signal: AbortSignal): Promise<void> {
  using status = new StatusLine(process.stderr);
  await using model = await openModel(args.model ?? SHAPE_MODEL, {
    ...modelOptions(args),
    maxBatchSize: 1,
    signal,
    status,
    log: console.error,
  });
  const { runner, tokenizer } = model;
  const lengths = contextLengths(runner.limits);
  const longest = Math.max(...lengths);
  const promptIds = Array.from({ length: longest }, (_, index) => deriveSeed(0, index) % runner.limits.vocabSize);
  const onRound = (round: number) => status.show(`round ${round} of ${args.rounds}`);
  const costs = await measureContexts(
    { runner, tokenizer },
    { promptIds, lengths, rounds: args.rounds, signal, onRound },
  );
  status.clear();
  console.log(`${modelName(args.model ?? SHAPE_MODEL)} (${model.dtype}, KV ${args['kv-dtype'] ?? DEFAULT_KV_DTYPE})`);
  console.log(formatContextCosts(costs, fitLine(costs)));
}

await runScript(contextScript, benchContext);
