// Simulator: the engine, its scheduler and its KV manager in virtual time. `--help` lists its flags.
import { BUNDLED_MODEL } from '../src/models/bundled-model.ts';
import { checkOutputs } from '../src/terminal/output-file.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { Tokenizer } from '../src/tokenizer/tokenizer.ts';
import { count } from '../src/util/count.ts';
import { checkReport, wantsReport, writeReport } from './charts/report-files.ts';
import { checkRequests } from './closed-loop/benchmark.ts';
import { BenchmarkError } from './common/completion.ts';
import { runScript } from './common/script.ts';
import { SimulatedRunner } from './common/simulated-runner.ts';
import { explainBy, readDataset } from './load/dataset.ts';
import { engineSettings } from './load/engine-settings.ts';
import { isOpenLoop } from './load/load-flags.ts';
import { type TimedRequest, withoutDue } from './load/requests.ts';
import { buildWorkload, checkArrivals } from './load/workload.ts';
import { openLoopJson } from './open-loop/json-report.ts';
import { reportOpenLoop } from './open-loop/report.ts';
import { type RecordedRun, readRun } from './open-loop/run-file.ts';
import type { RunHeader } from './open-loop/run-log.ts';
import type { OpenLoopRun } from './open-loop/run-open-loop.ts';
import { formatOpenLoop } from './open-loop/text-report.ts';
import { writeJson } from './report/json-file.ts';
import { type SimulateArgs, simulateScript } from './simulation/args.ts';
import { type Calibration, calibrate } from './simulation/calibration.ts';
import { formatPrediction } from './simulation/prediction-text.ts';
import { replay } from './simulation/replay.ts';
import { repeatedRequests, simulatedRequests } from './simulation/requests.ts';
import { simulate } from './simulation/simulate.ts';
import { simulationPage } from './simulation/simulation-page.ts';
import { VirtualClock } from './simulation/virtual-clock.ts';

/** Run in virtual time, and what it was compared with. */
interface Simulated {
  readonly run: OpenLoopRun;
  readonly measured: OpenLoopRun | null;
  readonly calibration: Calibration;
}

async function main(args: SimulateArgs, signal: AbortSignal): Promise<void> {
  const { calibrate: calibrated, replay: replayed, compare, dataset } = args;
  const inputs = { '--calibrate': calibrated, '--replay': replayed, '--compare': compare, '--dataset': dataset };
  await checkReport(args);
  await checkOutputs({ '--json': args.json, '--report': args.report }, inputs);
  // The texts are not used, so any tokenizer will do.
  const tokenizer = await Tokenizer.load(BUNDLED_MODEL);
  const simulated = replayed === undefined ? await simulateLoad(args, tokenizer, signal) : null;
  const run = simulated?.run ?? (await replayRun(await readRun(replayed ?? '', signal)));
  const report = reportOpenLoop(run, args.goodput);
  console.log(formatOpenLoop(report, { ...args, mode: run.mode }));
  if (args.json !== undefined) await writeJson(args.json, openLoopJson(report, args));
  if (simulated === null || !wantsReport(args)) return;
  const { measured, calibration } = simulated;
  const compared = measured && reportOpenLoop(measured, args.goodput);
  await writeReport(args, simulationPage({ args, simulated: report, measured: compared, ...calibration }));
}

/** Replays a recorded run. @throws BenchmarkError when a decision differs. */
async function replayRun(recorded: RecordedRun): Promise<OpenLoopRun> {
  const { run, numSteps, difference } = await replay(recorded);
  if (difference !== null) throw new BenchmarkError(`${recorded.path} went another way: ${difference}`);
  console.log(`${count(numSteps, 'step')}: the same rows, admissions and preemptions in each\n`);
  return run;
}

async function simulateLoad(args: SimulateArgs, tokenizer: Tokenizer, signal: AbortSignal): Promise<Simulated> {
  const runs = await Promise.all((args.calibrate ?? []).map((path) => readRun(path, signal)));
  const [first] = runs;
  if (first === undefined) throw new Error('the parser lets no empty --calibrate pass');
  const header = { ...first.header, settings: engineSettings(args, first.header.settings) };
  const compared = args.compare === undefined ? null : await readRun(args.compare, signal);
  const requests =
    compared !== null && !isOpenLoop(args)
      ? repeatedRequests(compared)
      : await drawRequests(args, tokenizer, { header, signal });

  const calibration = calibrate(runs.map(({ entries }) => entries));
  console.log(`a step takes ${calibration.costs.describe()}`);
  using status = new StatusLine(process.stderr);
  const onEnd = (numEnded: number) => {
    if (numEnded % REPORT_EVERY === 0) status.show(`${numEnded} of ${requests.length} requests have ended`);
  };
  const before = performance.now();
  const options = { header, calibration, seed: args.seed, maxConcurrency: args['max-concurrency'], tokenizer, signal };
  const run = await simulate(requests, { ...options, onEnd });
  status.clear();
  console.log(
    `${count(requests.length, 'request')} simulated in ${((performance.now() - before) / 1000).toFixed(1)} s\n`,
  );
  const measured = compared && (await replay(compared)).run;
  if (measured !== null) {
    console.log(`${formatPrediction(reportOpenLoop(measured, undefined), reportOpenLoop(run, undefined))}\n`);
  }
  return { run, measured, calibration };
}

/** Number of requests between two reports of progress. */
const REPORT_EVERY = 100;

async function drawRequests(
  args: SimulateArgs,
  tokenizer: Tokenizer,
  { header: { limits }, signal }: { header: RunHeader; signal: AbortSignal },
): Promise<TimedRequest[]> {
  const dataset = args.dataset === undefined ? null : await readDataset(args.dataset, signal);
  const prompts = Array.from({ length: args['num-requests'] }, () => '');
  const arrivals = buildWorkload(args, { dataset, prompts }, limits);
  checkArrivals(arrivals, args, { dataset, maxWaitMs: Number.MAX_SAFE_INTEGER });
  const requests = simulatedRequests(arrivals, tokenizer, args.seed);
  const runner = new SimulatedRunner({ limits, clock: new VirtualClock(), stepMs: () => 0 });
  await checkRequests(withoutDue(requests), { runner, tokenizer }, explainBy(dataset));
  return requests;
}

await runScript(simulateScript, main);
