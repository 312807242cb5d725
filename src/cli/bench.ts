// `roseinfer bench`: the main benchmark of the repository, for those who have the package alone. This folder is the one above bench/.
import { benchScript } from '../../bench/load/args.ts';
import { runMainBenchmark } from '../../bench/main/run-benchmark.ts';
import { defineCommand } from './command.ts';

const { usage: _, positions: __, ...line } = benchScript;

/** The command `roseinfer bench`. */
export const benchCommand = defineCommand({
  ...line,
  examples: [
    ['roseinfer bench', 'naive, offline and online scheduling of the same requests'],
    ['roseinfer bench --request-rate 4 --num-requests 50 --goodput ttft:500', 'requests that arrive over time'],
    ['roseinfer bench --mode online --trace trace.json', 'a trace for ui.perfetto.dev'],
    ['roseinfer bench --profile', 'where the time of a step goes, by kernel'],
  ],
  run: runMainBenchmark,
});
