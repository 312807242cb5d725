// The benchmark: the same requests under the naive, offline and online scheduler. `--help` lists its flags.
import { modelName, openModel } from '../src/cli/open-model.ts';
import { packageRoot } from '../src/cli/package-info.ts';
import { runCommand } from '../src/cli/run-command.ts';
import { StatusLine } from '../src/cli/status-line.ts';
import { TraceFile } from '../src/cli/trace-file.ts';
import { type BenchArgs, modesOf, parseArgs } from './args.ts';
import { runBenchmark } from './benchmark.ts';
import { checkWritable, writeJson } from './json-file.ts';
import { readCommit, reportJson } from './json-report.ts';
import { type ModeReport, reportMode } from './mode-report.ts';
import { profileModel } from './profile-model.ts';
import { buildRequests } from './requests.ts';
import { formatComparison, formatMode } from './text-report.ts';
import { judgeRuns, throwIfUnsound } from './verdict.ts';

async function bench(args: BenchArgs, signal: AbortSignal): Promise<void> {
  if (args.json !== undefined) await checkWritable(args.json);
  await using trace = args.trace === undefined ? null : await TraceFile.open(args.trace);
  const requests = buildRequests(args);
  using status = new StatusLine(process.stderr);
  await using model = await openModel(args.model, {
    dtype: args.dtype,
    kvDtype: args['kv-dtype'],
    adapter: args.adapter,
    maxBatchSize: args['max-batch-size'],
    maxBatchTokens: args['max-batch-tokens'],
    maxModelLen: args['max-model-len'],
    numBlocks: args['num-blocks'],
    signal,
    status,
    log: console.error,
  });
  if (args.profile) {
    await profileModel(model, args, { signal, status });
    return;
  }
  trace?.describe(modelName(args.model), model);
  const reports = new Map<string, ModeReport>();
  const runs = await runBenchmark(requests, {
    runner: model.runner,
    tokenizer: model.tokenizer,
    modes: modesOf(args),
    warmup: args.warmup,
    repeat: args.repeat,
    signal,
    watchRun: (name) => trace?.watch(name),
    onProgress: (label, numIds) => status.show(`${label}: ${numIds} tokens`),
    onMode: (run) => {
      const report = reportMode(run);
      reports.set(run.mode, report);
      status.clear();
      console.log(`${formatMode(run.mode, report)}\n`);
    },
  });
  const verdict = judgeRuns(runs);
  if (reports.size > 1) console.log(formatComparison(reports, verdict.numEqual));
  if (args.json !== undefined) {
    const { adapter, dtype } = model;
    const commit = await readCommit(packageRoot);
    await writeJson(args.json, reportJson(reports, { args, adapter, model: modelName(args.model), dtype, commit }));
  }
  throwIfUnsound(verdict);
}

await runCommand(async (signal) => {
  const args = parseArgs(process.argv.slice(2));
  if (args !== null) await bench(args, signal);
});
