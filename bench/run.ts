// Main benchmark: the same requests under the naive, offline and online scheduler, all at the start or arriving over
// time. `--help` lists its flags.
import { runScript } from './common/script.ts';
import { benchScript } from './load/args.ts';
import { runMainBenchmark } from './main/run-benchmark.ts';

await runScript(benchScript, runMainBenchmark);
