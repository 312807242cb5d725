// The benchmark: the same requests under the naive, offline and online scheduler, all there from the start or arriving
// over time. `--help` lists its flags.
import { modelName, openModel } from '../src/cli/open-model.ts';
import { checkOutputs, replaceFile } from '../src/cli/output-file.ts';
import { packageRoot } from '../src/cli/package-info.ts';
import { runCommand } from '../src/cli/run-command.ts';
import { StatusLine } from '../src/cli/status-line.ts';
import { TraceFile } from '../src/cli/trace-file.ts';
import type { LoadedModel } from '../src/load-model.ts';
import { type BenchArgs, modesOf, parseArgs } from './args.ts';
import { runBenchmark } from './closed-loop/benchmark.ts';
import { readCommit, reportJson } from './closed-loop/json-report.ts';
import { type ModeReport, reportMode } from './closed-loop/mode-report.ts';
import { buildRequests } from './closed-loop/requests.ts';
import { formatComparison, formatEqual, formatMode } from './closed-loop/text-report.ts';
import { judgeRuns, throwIfUnsound, type Verdict } from './closed-loop/verdict.ts';
import { writeJson } from './json-file.ts';
import { readDataset, type TraceEntry } from './open-loop/dataset.ts';
import { engineSettings } from './open-loop/engine-settings.ts';
import { isOpenLoop } from './open-loop/load-flags.ts';
import { RunLog } from './open-loop/run-log.ts';
import { serve } from './open-loop/serve.ts';
import { servingJson } from './open-loop/serving-json.ts';
import { reportServing } from './open-loop/serving-report.ts';
import { formatServing } from './open-loop/serving-text.ts';
import { profileModel } from './profile/profile-model.ts';

const RECORD_FLAG = '--record';

/** What a run has to show: its numbers for the JSON file, by mode, and whether they are worth something. */
interface Results {
  readonly reports: ReadonlyMap<string, unknown>;
  readonly verdict: Verdict;
}

/** Where a run takes place. */
interface Bench {
  readonly model: LoadedModel;
  readonly trace: TraceFile | null;
  readonly dataset: readonly TraceEntry[] | null;
  readonly signal: AbortSignal;
  readonly status: StatusLine;
}

async function bench(args: BenchArgs, signal: AbortSignal): Promise<void> {
  const outputs = { '--json': args.json, [RECORD_FLAG]: args.record, '--trace': args.trace };
  await checkOutputs(outputs, { '--dataset': args.dataset });
  await using trace = args.trace === undefined ? null : await TraceFile.open(args.trace);
  const dataset = args.dataset === undefined ? null : await readDataset(args.dataset);
  using status = new StatusLine(process.stderr);
  await using model = await openModel(args.model, {
    dtype: args.dtype,
    kvDtype: args['kv-dtype'],
    adapter: args.adapter,
    tune: args.tune,
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
  const run = isOpenLoop(args) ? runOpenLoop : runClosedLoop;
  const { reports, verdict } = await run(args, { model, trace, dataset, signal, status });
  if (args.json !== undefined) {
    const { adapter, dtype } = model;
    const commit = await readCommit(packageRoot);
    await writeJson(args.json, reportJson(reports, { args, adapter, model: modelName(args.model), dtype, commit }));
  }
  throwIfUnsound(verdict);
}

async function runClosedLoop(args: BenchArgs, { model, trace, signal, status }: Bench): Promise<Results> {
  const reports = new Map<string, ModeReport>();
  const runs = await runBenchmark(buildRequests(args), {
    runner: model.runner,
    tokenizer: model.tokenizer,
    modes: modesOf(args),
    warmup: args.warmup,
    repeat: args.repeat,
    settings: engineSettings(args),
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
  if (reports.size > 1) console.log(formatComparison(reports, verdict));
  return { reports, verdict };
}

async function runOpenLoop(args: BenchArgs, { model, trace, dataset, signal, status }: Bench): Promise<Results> {
  const { runner, tokenizer } = model;
  const [firstMode = 'online'] = modesOf(args);
  const { record } = args;
  const settings = engineSettings(args);
  const header = { mode: firstMode, limits: runner.limits, settings, eosId: tokenizer.eosId };
  const log = record === undefined ? undefined : new RunLog(header);
  const reports = new Map<string, ReturnType<typeof servingJson>>();
  const runs = await serve(args, {
    runner,
    tokenizer,
    dataset,
    signal,
    settings,
    log,
    watchRun: (name) => trace?.watch(name),
    onProgress: (label, numEnded) => status.show(`${label}: ${numEnded} requests have ended`),
    onRun: (run) => {
      const report = reportServing(run, args.goodput);
      reports.set(run.mode, servingJson(report, args));
      status.clear();
      console.log(`${formatServing(report, { ...args, mode: run.mode })}\n`);
    },
  });
  if (log !== undefined && record !== undefined) await replaceFile(RECORD_FLAG, record, log.lines());
  const verdict = judgeRuns(
    runs.map(({ mode, served }) => ({ mode, responses: served.map(({ response }) => response) })),
  );
  if (runs.length > 1) console.log(formatEqual(verdict));
  return { reports, verdict };
}

await runCommand(async (signal) => {
  const args = parseArgs(process.argv.slice(2));
  if (args !== null) await bench(args, signal);
});
