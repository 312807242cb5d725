// The comparison with other engines on the same weights and the same adapter. `--help` lists its flags.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelName } from '../src/cli/open-model.ts';
import { packageRoot } from '../src/cli/package-info.ts';
import { runCommand } from '../src/cli/run-command.ts';
import { StatusLine } from '../src/cli/status-line.ts';
import { BUNDLED_MODEL } from '../src/load-model.ts';
import { openSource } from '../src/open-source.ts';
import { readCommit } from './closed-loop/json-report.ts';
import { checkWritable, writeJson } from './json-file.ts';
import { type PeersArgs, parsePeersArgs, peersOf } from './peers/args.ts';
import { Comparison } from './peers/comparison.ts';
import { BATCH_SIZES } from './peers/decode-job.ts';
import { PROMPT_TOKENS, peerPrompts } from './peers/prompts.ts';
import { formatFindings, peersReportJson } from './peers/report.ts';

async function benchPeers(args: PeersArgs, signal: AbortSignal): Promise<void> {
  if (args.json !== undefined) await checkWritable(args.json);
  const { source, tokenizer } = await openSource(args.model ?? BUNDLED_MODEL);
  await source.close();
  const prompts = peerPrompts(tokenizer, Math.max(...BATCH_SIZES));
  const peers = peersOf(args);
  const model = modelName(args.model);

  await using scratch = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'roseinfer-peers-'));
  scratch.defer(() => rm(directory, { recursive: true, force: true }));
  using status = new StatusLine(process.stderr);
  let round = 1;
  const onProgress = (text: string) => status.show(`round ${round} of ${args.repeat}: ${text}`);
  const comparison = new Comparison({ args, prompts, scratch: directory, signal, onProgress });
  for (; round <= args.repeat; round++) await comparison.runRound(peers);

  status.clear();
  const { adapter, dtype } = comparison.subject;
  console.log(
    `model: ${model} (${dtype}) · adapter ${adapter.name} (${adapter.driver}) · ` +
      `prompts of ${PROMPT_TOKENS} tokens, ${args['max-new-tokens']} new ones, greedy\n`,
  );
  console.log(formatFindings(comparison, peers));
  if (args.json !== undefined) {
    const commit = await readCommit(packageRoot);
    await writeJson(args.json, peersReportJson(comparison, { subject: comparison.subject, args, model, commit }));
  }
}

await runCommand(async (signal) => {
  const args = parsePeersArgs(process.argv.slice(2));
  if (args !== null) await benchPeers(args, signal);
});
