// Benchmark of HTTP: time to the first token, tokens per second and processor time through the server, beside its engine alone.
// `--help` lists its flags.
import { systemClock } from '../src/core/clock.ts';
import { modelOptions } from '../src/terminal/flags.ts';
import { modelName } from '../src/terminal/open-model.ts';
import { checkOutputs } from '../src/terminal/output-file.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { packageRoot } from '../src/util/package-info.ts';
import { runScript } from './common/script.ts';
import { writeAtEnd } from './report/json-file.ts';
import { readCommit } from './report/meta.ts';
import { type HttpArgs, httpScript } from './serving/http-args.ts';
import {
  type HttpCostOptions,
  measureProcessor,
  measureThroughput,
  measureTtft,
  type ProcessorCost,
} from './serving/http-costs.ts';
import { formatHttpCosts, httpJson } from './serving/http-report.ts';
import { ServerProcess } from './serving/server-process.ts';

/** Tokens of a request without a model: what is done once a request is a small part of each. */
const BARE_TOKENS = 256;

async function benchHttp(args: HttpArgs, signal: AbortSignal): Promise<void> {
  await checkOutputs({ '--json': args.json });
  using status = new StatusLine(process.stderr);
  const commit = await readCommit(packageRoot);
  let json: unknown = null;
  await using unsaved = new AsyncDisposableStack();
  unsaved.defer(() => writeAtEnd(args.json, json === null ? null : () => json, signal));
  const { streams, rounds, 'max-new-tokens': maxTokens, 'num-requests': count } = args;
  const onProgress = (text: string) => status.show(text);
  const options = { streams, rounds, maxTokens, clock: systemClock, signal, onProgress };
  const model = { name: args.model, options: { ...modelOptions(args), tune: args.tune } };
  status.show('loading the model');
  await using modelled = await ServerProcess.start({ model, maxBatchSize: streams }, signal);
  const processor = await measureBare({ ...options, maxTokens: BARE_TOKENS });
  const ttft = await measureTtft(modelled, count, options);
  const throughput = await measureThroughput(modelled, options);
  status.clear();
  const report = { ttft, throughput, processor };
  console.log(`${modelName(args.model)} (${modelled.server.dtype}), ${maxTokens} tokens a request, ${rounds} rounds`);
  console.log(formatHttpCosts(report, args));
  json = { ...httpJson(report), meta: { date: new Date().toISOString(), commit, args } };
}

/** Measures processor time on a server without a model. */
async function measureBare(options: HttpCostOptions): Promise<ProcessorCost> {
  const { streams, signal } = options;
  await using bare = await ServerProcess.start({ model: null, maxBatchSize: streams }, signal);
  return await measureProcessor(bare, options);
}

await runScript(httpScript, benchHttp);
