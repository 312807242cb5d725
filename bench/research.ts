// Benchmark of research: what activation patching costs beside plain forward passes. `--help` lists its flags.
import { loadTextModel } from '../src/research/load-text-model.ts';
import { modelOptions } from '../src/terminal/flags.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { count } from '../src/util/count.ts';
import { runScript } from './common/script.ts';
import { formatPatchingCost, measurePatching } from './experiments/patching-cost.ts';
import { type ResearchArgs, researchScript } from './experiments/research-args.ts';

async function benchResearch(
  { model: name, tokens, rounds, ...args }: ResearchArgs,
  signal: AbortSignal,
): Promise<void> {
  using status = new StatusLine(process.stderr);
  status.show('loading');
  using loaded = await loadTextModel(name, modelOptions(args));
  const onRound = (round: number) => status.show(`round ${round} of ${rounds}`);
  const cost = await measurePatching(loaded, { tokens, rounds, signal, onRound });
  status.clear();
  console.log(`${name ?? 'weights/tales'}, ${count(tokens, 'token')}, on ${loaded.device.identity.name}`);
  console.log(formatPatchingCost(cost));
}

await runScript(researchScript, benchResearch);
