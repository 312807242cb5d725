// Main benchmark: the same requests under the naive, offline and online scheduler, all at the start or arriving over
// time. `--help` lists its flags.
import { uniteEosIds } from '../src/engine/eos-ids.ts';
import type { LoadedModel } from '../src/load-model.ts';
import { modelFiles } from '../src/models/model-files.ts';
import { modelOptions } from '../src/terminal/flags.ts';
import { modelName, openModel } from '../src/terminal/open-model.ts';
import { checkOutputs, replaceFile, tellNothingYet } from '../src/terminal/output-file.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { TraceFile } from '../src/terminal/trace-file.ts';
import { packageRoot } from '../src/util/package-info.ts';
import { runBenchmark } from './closed-loop/benchmark.ts';
import { reportJson } from './closed-loop/json-report.ts';
import { type ModeReport, reportMode } from './closed-loop/mode-report.ts';
import { formatComparison, formatEqual, formatMode } from './closed-loop/text-report.ts';
import { judgeRuns, throwIfUnsound, type Verdict } from './closed-loop/verdict.ts';
import { runScript } from './common/script.ts';
import { type BenchArgs, benchScript, modesOf } from './load/args.ts';
import { type DatasetEntry, readDataset } from './load/dataset.ts';
import { engineSettings } from './load/engine-settings.ts';
import { isOpenLoop } from './load/load-flags.ts';
import { buildRequests } from './load/requests.ts';
import { benchmarkOpenLoop } from './open-loop/benchmark.ts';
import { openLoopJson } from './open-loop/json-report.ts';
import { reportOpenLoop } from './open-loop/report.ts';
import { RunLog } from './open-loop/run-log.ts';
import { formatOpenLoop } from './open-loop/text-report.ts';
import { profileModel } from './profile/profile-model.ts';
import { writeJson } from './report/json-file.ts';
import { readCommit } from './report/meta.ts';

const RECORD_FLAG = '--record';

/** Surroundings of a run. */
interface Bench {
  readonly model: LoadedModel;
  readonly trace: TraceFile | null;
  readonly dataset: readonly DatasetEntry[] | null;
  readonly signal: AbortSignal;
  readonly status: StatusLine;
  /** Numbers of each mode, collected for the JSON file. */
  readonly reports: Map<string, unknown>;
}

async function bench(args: BenchArgs, signal: AbortSignal): Promise<void> {
  const outputs = { '--json': args.json, [RECORD_FLAG]: args.record, '--trace': args.trace };
  await checkOutputs(outputs, { '--dataset': args.dataset, '--model': await modelFiles(args.model) });
  await using trace = args.trace === undefined ? null : new TraceFile(args.trace, signal);
  const dataset = args.dataset === undefined ? null : await readDataset(args.dataset, signal);
  using status = new StatusLine(process.stderr);
  await using model = await openModel(args.model, {
    ...modelOptions(args),
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
  const reports = new Map<string, unknown>();
  await using unsaved = new AsyncDisposableStack();
  unsaved.defer(() => saveReports(args, model, reports, signal));
  throwIfUnsound(await run(args, { model, trace, dataset, signal, status, reports }));
}

/** Writes the numbers of all modes that ran to the file of --json, also when the run was interrupted or failed. */
async function saveReports(
  args: BenchArgs,
  { adapter, dtype, fallbacks }: LoadedModel,
  reports: ReadonlyMap<string, unknown>,
  signal: AbortSignal,
): Promise<void> {
  const { json } = args;
  if (json === undefined) return;
  if (reports.size > 0) {
    const commit = await readCommit(packageRoot);
    const isPartial = signal.aborted || reports.size < modesOf(args).length;
    const origin = { args, adapter, model: modelName(args.model), dtype, fallbacks, commit, isPartial };
    await writeJson(json, reportJson(reports, origin));
  } else if (signal.aborted) tellNothingYet('--json', json);
}

async function runClosedLoop(args: BenchArgs, bench: Bench): Promise<Verdict> {
  const { model, trace, signal, status } = bench;
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
    onInterrupted: (run, rounds) => bench.reports.set(run.mode, reportMode(run, rounds)),
    onMode: (run, rounds) => {
      const report = reportMode(run, rounds);
      reports.set(run.mode, report);
      bench.reports.set(run.mode, report);
      status.clear();
      console.log(`${formatMode(run.mode, report)}\n`);
    },
  });
  const verdict = judgeRuns(runs);
  if (reports.size > 1) console.log(formatComparison(reports, verdict));
  return verdict;
}

async function runOpenLoop(args: BenchArgs, bench: Bench): Promise<Verdict> {
  const { model, trace, dataset, signal, status, reports } = bench;
  const { runner, tokenizer } = model;
  const [firstMode = 'online'] = modesOf(args);
  const { record } = args;
  const settings = engineSettings(args);
  const { limits, readbackMs } = runner;
  const header = { mode: firstMode, limits, settings, eosIds: uniteEosIds(runner, tokenizer), readbackMs };
  const log = record === undefined ? undefined : new RunLog(header);
  await using unsaved = new AsyncDisposableStack();
  unsaved.defer(async () => {
    if (log === undefined || record === undefined) return;
    if (log.entries.length > 0) await replaceFile(RECORD_FLAG, record, log.lines());
    else if (signal.aborted) tellNothingYet(RECORD_FLAG, record);
  });
  const runs = await benchmarkOpenLoop(args, {
    runner,
    tokenizer,
    dataset,
    signal,
    settings,
    log,
    watchRun: (name) => trace?.watch(name),
    onProgress: (label, numEnded) => status.show(`${label}: ${numEnded} requests have ended`),
    onInterrupted: (run) => reports.set(run.mode, openLoopJson(reportOpenLoop(run, args.goodput), args)),
    onRun: (run) => {
      const report = reportOpenLoop(run, args.goodput);
      reports.set(run.mode, openLoopJson(report, args));
      status.clear();
      console.log(`${formatOpenLoop(report, { ...args, mode: run.mode })}\n`);
    },
  });
  const verdict = judgeRuns(
    runs.map(({ mode, outcomes }) => ({ mode, responses: outcomes.map(({ response }) => response) })),
  );
  if (runs.length > 1) console.log(formatEqual(verdict));
  return verdict;
}

await runScript(benchScript, bench);
