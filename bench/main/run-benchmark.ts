// Main benchmark: the same requests under the naive, offline and online scheduler, all at the start or arriving over
// time. It is that of bench/run.ts and of `roseinfer bench`.
import { uniteEosIds } from '../../src/engine/eos-ids.ts';
import type { LoadedModel } from '../../src/load-model.ts';
import { modelFiles } from '../../src/models/model-files.ts';
import { modelOptions } from '../../src/terminal/flags.ts';
import { modelName, openModel } from '../../src/terminal/open-model.ts';
import { checkOutputs, replaceFile, tellNothingYet } from '../../src/terminal/output-file.ts';
import { StatusLine } from '../../src/terminal/status-line.ts';
import { TraceFile } from '../../src/terminal/trace-file.ts';
import { count } from '../../src/util/count.ts';
import { packageRoot } from '../../src/util/package-info.ts';
import { checkReport, wantsReport, writeReport } from '../charts/report-files.ts';
import { runBenchmark } from '../closed-loop/benchmark.ts';
import { reportJson } from '../closed-loop/json-report.ts';
import { type ModeReport, reportMode } from '../closed-loop/mode-report.ts';
import { formatComparison, formatEqual, formatMode } from '../closed-loop/text-report.ts';
import { judgeRuns, throwIfUnsound, type Verdict } from '../closed-loop/verdict.ts';
import { type BenchArgs, modesOf } from '../load/args.ts';
import { type DatasetEntry, readDataset } from '../load/dataset.ts';
import { engineSettings } from '../load/engine-settings.ts';
import { isOpenLoop } from '../load/load-flags.ts';
import { buildRequests } from '../load/requests.ts';
import { benchmarkOpenLoop } from '../open-loop/benchmark.ts';
import { openLoopJson } from '../open-loop/json-report.ts';
import { reportOpenLoop } from '../open-loop/report.ts';
import { RunLog } from '../open-loop/run-log.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';
import { formatOpenLoop } from '../open-loop/text-report.ts';
import { asOpenLoop } from '../pictures/pictured-run.ts';
import { runPage } from '../pictures/run-page.ts';
import { profileModel } from '../profile/profile-model.ts';
import { writeJson } from '../report/json-file.ts';
import { readCommit, reportMeta } from '../report/meta.ts';

const RECORD_FLAG = '--record';
const REPORT_FLAG = '--report';

/** Surroundings of a run. */
interface Bench {
  readonly model: LoadedModel;
  readonly trace: TraceFile | null;
  readonly dataset: readonly DatasetEntry[] | null;
  readonly signal: AbortSignal;
  readonly status: StatusLine;
  /** Numbers of each mode, collected for the JSON file. */
  readonly reports: Map<string, unknown>;
  /** Runs of each mode, collected for the page of --report. */
  readonly runs: Map<string, OpenLoopRun>;
}

/**
 * Runs the benchmark and prints its reports.
 *
 * @throws BenchmarkError when the numbers are worth nothing; what `openModel` and the engine throw.
 */
export async function runMainBenchmark(args: BenchArgs, signal: AbortSignal): Promise<void> {
  const outputs = {
    '--json': args.json,
    [RECORD_FLAG]: args.record,
    '--trace': args.trace,
    [REPORT_FLAG]: args.report,
  };
  await checkOutputs(outputs, { '--dataset': args.dataset, '--model': await modelFiles(args.model) });
  await checkReport(args);
  await using trace = args.trace === undefined ? null : new TraceFile(args.trace, signal);
  const dataset = args.dataset === undefined ? null : await readDataset(args.dataset, signal);
  using status = StatusLine.of(args);
  await using model = await openModel(args.model, {
    ...modelOptions(args),
    tune: args.tune,
    maxBatchSize: args['max-batch-size'],
    maxBatchTokens: args['max-batch-tokens'],
    maxModelLen: args['max-model-len'],
    numBlocks: args['num-blocks'],
    signal,
    status,
    log: (line) => status.say(line),
  });
  if (args.profile) {
    await profileModel(model, args, { signal, status });
    return;
  }
  trace?.describe(modelName(args.model), model);
  const run = isOpenLoop(args) ? runOpenLoop : runClosedLoop;
  const surroundings = { model, trace, dataset, signal, status, reports: new Map(), runs: new Map() };
  await using unsaved = new AsyncDisposableStack();
  unsaved.defer(() => savePage(args, surroundings));
  unsaved.defer(() => saveReports(args, surroundings));
  throwIfUnsound(await run(args, surroundings));
}

/** Writes the numbers of all modes that ran to the file of --json, also when the run was interrupted or failed. */
async function saveReports(args: BenchArgs, { model, reports, signal }: Bench): Promise<void> {
  const { json } = args;
  if (json === undefined) return;
  if (reports.size > 0) {
    const isPartial = signal.aborted || reports.size < modesOf(args).length;
    await writeJson(json, reportJson(reports, { ...(await originOf(args, model)), isPartial }));
  } else if (signal.aborted) tellNothingYet('--json', json);
}

/** Writes the page and the figures of all modes that ran, also when the run was interrupted or failed. */
async function savePage(args: BenchArgs, { model, runs, signal }: Bench): Promise<void> {
  if (!wantsReport(args)) return;
  if (runs.size > 0) {
    const remarks = [
      ...(signal.aborted || runs.size < modesOf(args).length
        ? ['The run was interrupted: this is what it had until then.']
        : []),
      ...(args.trace === undefined ? [] : ['Each kernel was timed for a trace, which slowed all steps down.']),
    ];
    const meta = reportMeta(await originOf(args, model));
    const { limits } = model.runner;
    await writeReport(args, runPage({ runs: [...runs.values()], limits, meta, remarks }));
  } else if (signal.aborted) tellNothingYet(REPORT_FLAG, args.report ?? args['report-svg'] ?? '');
}

async function originOf(args: BenchArgs, { adapter, dtype, fallbacks }: LoadedModel) {
  return { args, adapter, model: modelName(args.model), dtype, fallbacks, commit: await readCommit(packageRoot) };
}

async function runClosedLoop(args: BenchArgs, bench: Bench): Promise<Verdict> {
  const { model, trace, signal, status } = bench;
  const reports = new Map<string, ModeReport>();
  const requests = buildRequests(args);
  const runs = await runBenchmark(requests, {
    runner: model.runner,
    tokenizer: model.tokenizer,
    modes: modesOf(args),
    warmup: args.warmup,
    repeat: args.repeat,
    settings: engineSettings(args),
    signal,
    watchRun: (name) => trace?.watch(name),
    recordsSteps: wantsReport(args),
    onProgress: (label, numIds) => status.show(`${label}: ${count(numIds, 'token')}`),
    onInterrupted: (run, rounds) => {
      bench.reports.set(run.mode, reportMode(run, rounds));
      bench.runs.set(run.mode, asOpenLoop(run, requests));
    },
    onMode: (run, rounds) => {
      bench.runs.set(run.mode, asOpenLoop(run, requests));
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
    recordsSteps: wantsReport(args),
    onProgress: (label, numEnded) => status.show(`${label}: ${count(numEnded, 'request has', 'requests have')} ended`),
    onInterrupted: (run) => {
      reports.set(run.mode, openLoopJson(reportOpenLoop(run, args.goodput), args));
      bench.runs.set(run.mode, run);
    },
    onRun: (run) => {
      bench.runs.set(run.mode, run);
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
