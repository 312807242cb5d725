// Comparison with other engines on the same weights and the same adapter. `--help` lists its flags.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLED_MODEL } from '../src/models/bundled-model.ts';
import { modelFiles } from '../src/models/model-files.ts';
import { openSource } from '../src/models/resolve-model.ts';
import { describeDevice, modelName } from '../src/terminal/open-model.ts';
import { checkOutputs } from '../src/terminal/output-file.ts';
import { StatusLine } from '../src/terminal/status-line.ts';
import { count } from '../src/util/count.ts';
import { packageRoot } from '../src/util/package-info.ts';
import { runScript } from './common/script.ts';
import { type PeersArgs, peersOf, peersScript } from './peers/args.ts';
import { Comparison } from './peers/comparison.ts';
import { BATCH_SIZES } from './peers/decode-job.ts';
import { LiveReport, type Reported } from './peers/live-report.ts';
import { PeerError } from './peers/peer-error.ts';
import { PROMPT_TOKENS, peerPrompts } from './peers/prompts.ts';
import { formatNotes, formatTables, peersReportJson } from './peers/report.ts';
import { writeJson, writePartialJson } from './report/json-file.ts';
import { readCommit } from './report/meta.ts';

async function benchPeers(args: PeersArgs, signal: AbortSignal): Promise<void> {
  await checkOutputs({ '--json': args.json }, { '--model': await modelFiles(args.model) });
  const { source, tokenizer, notices } = await openSource(args.model ?? BUNDLED_MODEL);
  await source.close();
  for (const notice of notices) console.error(notice);
  const prompts = peerPrompts(tokenizer, Math.max(...BATCH_SIZES));
  const peers = peersOf(args);
  const model = modelName(args.model);

  await using scratch = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'roseinfer-peers-'));
  scratch.defer(() => rm(directory, { recursive: true, force: true }));
  using status = new StatusLine(process.stderr);
  const commit = await readCommit(packageRoot);
  const json = (found: Reported, isPartial: boolean) =>
    peersReportJson(found, { ...found.setup, args, model, commit, isPartial });
  const print = (text: string) => {
    status.clear();
    console.log(text);
  };
  const report = new LiveReport({
    print,
    describe: ({ adapter, dtype }) =>
      `model: ${model} (${dtype}) · ${describeDevice(adapter)} · ` +
      `prompts of ${PROMPT_TOKENS} tokens, ${args['max-new-tokens']} new ones, greedy`,
    save: async (found) => {
      if (args.json !== undefined) await writePartialJson(args.json, json(found, true));
    },
  });
  let round = 1;
  const comparison = new Comparison({
    args,
    prompts,
    scratch: directory,
    signal,
    onProgress: (text) => status.show(`round ${round} of ${args.repeat}: ${text}`),
    onFinding: (finding, found) => report.take(finding, found),
  });
  for (; round <= args.repeat; round++) {
    if (args.repeat > 1) report.begin(`round ${round} of ${args.repeat}`);
    await comparison.runRound(peers);
  }
  if (args.repeat > 1) print(`\nmedians of ${count(args.repeat, 'round')}\n${formatTables(comparison)}`);
  const notes = formatNotes(comparison, peers);
  if (notes.length > 0) print(['', ...notes].join('\n'));
  if (args.json !== undefined) await writeJson(args.json, json(comparison, false));
  const problem = comparison.problems.get('roseinfer');
  if (problem !== undefined) throw new PeerError(`roseinfer has not run to its end: ${problem}`);
}

await runScript(peersScript, benchPeers);
