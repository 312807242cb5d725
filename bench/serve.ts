// Benchmark of a server of OpenAI's API: requests that arrive over time, stamped by the client. `--help` lists its flags.
import { checkOutputs } from '../src/terminal/output-file.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { variable } from '../src/util/environment.ts';
import { packageRoot } from '../src/util/package-info.ts';
import { throwIfAny } from './closed-loop/verdict.ts';
import { runScript } from './common/script.ts';
import { readDataset } from './load/dataset.ts';
import { systemWaitingClock } from './load/waiting-clock.ts';
import { writeAtEnd } from './report/json-file.ts';
import { readCommit } from './report/meta.ts';
import { KEY_VARIABLE, type ServingArgs, servingScript } from './serving/args.ts';
import { benchmarkServer } from './serving/benchmark.ts';
import { HttpClient } from './serving/http-client.ts';
import { identifyServer } from './serving/identify-server.ts';
import { servingJson } from './serving/json-report.ts';
import { judgeServing } from './serving/judge-serving.ts';
import { reportServing } from './serving/report.ts';
import type { ServingRun } from './serving/run-serving.ts';
import { formatServing } from './serving/text-report.ts';

async function benchServer(args: ServingArgs, signal: AbortSignal): Promise<void> {
  await checkOutputs({ '--json': args.json }, { '--dataset': args.dataset });
  const dataset = args.dataset === undefined ? null : await readDataset(args.dataset, signal);
  const clock = systemWaitingClock;
  const { url, timeout: timeoutSeconds } = args;
  using client = new HttpClient({ url, key: variable(KEY_VARIABLE), timeoutSeconds, clock, signal });
  const identity = await identifyServer(client, url, args.model);
  const commit = await readCommit(packageRoot);
  using status = new StatusLine(process.stderr);
  let json: unknown = null;
  const evaluate = (run: ServingRun) => {
    const report = reportServing(run, args.goodput);
    const problems = judgeServing(run, report, args);
    json = servingJson(report, { identity, args, commit, isPartial: signal.aborted, problems });
    return { report, problems };
  };
  await using unsaved = new AsyncDisposableStack();
  unsaved.defer(() => writeAtEnd(args.json, json === null ? null : () => json, signal));
  const run = await benchmarkServer(args, {
    client,
    identity,
    clock,
    dataset,
    signal,
    onProgress: (text) => status.show(text),
    onInterrupted: evaluate,
  });
  const { report, problems } = evaluate(run);
  status.clear();
  console.log(formatServing(report, identity, args));
  throwIfAny(problems);
}

await runScript(servingScript, benchServer);
