// Benchmark of scheduling: chunks of a long prompt, shared prefixes and admission control, each as a claim with a
// bound. `--help` lists its flags.
import { choiceFlag, modelFlags, modelOptions } from '../src/terminal/flags.ts';
import { openModel } from '../src/terminal/open-model.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { BenchmarkError } from './common/completion.ts';
import { runScript } from './common/script.ts';
import { chunking } from './experiments/chunking.ts';
import { formatClaim, holds } from './experiments/claim.ts';
import { overload } from './experiments/overload.ts';
import { prefix } from './experiments/prefix.ts';
import { systemWaitingClock } from './load/waiting-clock.ts';

const experiments = [chunking, prefix, overload];
const names = experiments.map(({ name }) => name);

const script = {
  usage:
    'node bench/scheduling.ts [flags]\n\nMeasures what chunked prefill, the prefix cache and admission control do.',
  flags: {
    ...modelFlags,
    only: { ...choiceFlag('only', names), describe: `one experiment: ${names.join(', ')}` },
  },
};

await runScript(script, async (args, signal) => {
  using status = new StatusLine(process.stderr);
  let numMissed = 0;
  for (const { name, maxBatchSize, run } of experiments) {
    if (args.only !== undefined && args.only !== name) continue;
    const options = { ...modelOptions(args), maxBatchSize, signal, status, log: console.error };
    await using model = await openModel(args.model, options);
    const claims = await run({
      model,
      clock: systemWaitingClock,
      signal,
      onProgress: (label) => status.show(`${name}: ${label}`),
    });
    status.clear();
    for (const claim of claims) console.log(`${formatClaim(claim)}\n`);
    numMissed += claims.filter((claim) => !holds(claim)).length;
  }
  if (numMissed > 0) throw new BenchmarkError(`${numMissed} of the claims missed`);
});
