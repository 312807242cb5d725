// `roseinfer pull`: brings a model of the hub into its cache. The path of the files is the one line on stdout.
import type { InferredOptionTypes } from 'yargs';
import { readHubSettings } from '../hub/hub-settings.ts';
import { pull as pullModel } from '../hub/pull.ts';
import { DEFAULT_REVISION, type RepoName, readRepoName } from '../hub/repo-name.ts';
import { modelFileChooser } from '../models/pull-files.ts';
import { formatBytes } from '../runtime/memory-plan.ts';
import { UsageError } from '../terminal/flag-words.ts';
import { nameFlag, quietFlag, switchFlag } from '../terminal/flags.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { TransferProgress } from '../terminal/transfer-progress.ts';
import { RangeValueError } from '../util/errors.ts';
import { defineCommand } from './command.ts';

/** The flags of `roseinfer pull`. */
const pullFlags = {
  repo: {
    ...nameFlag('repo'),
    demandOption: true as const,
    describe: 'the model, when no REPO is given: OWNER/NAME of the hub, with /FILE.gguf for one of several GGUF files',
  },
  revision: {
    ...nameFlag('revision'),
    defaultDescription: DEFAULT_REVISION,
    describe: 'branch, tag or commit',
  },
  ...quietFlag,
  json: { ...switchFlag('json'), describe: 'print one JSON object instead of the path' },
};

/** Values of the flags of `roseinfer pull`. */
type PullArgs = InferredOptionTypes<typeof pullFlags>;

/**
 * Pulls a model and prints where its files are.
 *
 * @throws UsageError for a name that the hub can't have; HubError; ConfigError for a model that can't run.
 */
async function pull(args: PullArgs, signal: AbortSignal): Promise<void> {
  const name = readName(args);
  const settings = await readHubSettings();
  using status = StatusLine.of(args);
  const progress = new TransferProgress();
  const onProgress = (done: number, total: number) => {
    const line = progress.describe(done, total);
    if (line !== null) status.show(`pulling ${name.repo}: ${line}`, done / total);
  };
  const { path, commit, bytes, fetched } = await pullModel(name, {
    settings,
    choose: modelFileChooser(name),
    signal,
    onProgress,
    onWait: (line) => status.say(line),
  });
  const size = bytes === null ? 'in the cache' : `${formatBytes(bytes)}, ${formatBytes(fetched)} of them fetched`;
  status.say(`${name.repo} ${name.revision} (${commit.slice(0, 12)}): ${size}`);
  const { repo, revision } = name;
  console.log(args.json ? JSON.stringify({ repo, revision, commit, path, bytes, fetched }) : path);
}

function readName({ repo, revision }: PullArgs): RepoName {
  try {
    return readRepoName(repo, revision);
  } catch (error) {
    if (error instanceof RangeValueError) throw new UsageError(`--${error.message}`, { cause: error });
    throw error;
  }
}

/** The command `roseinfer pull`. */
export const pullCommand = defineCommand({
  flags: pullFlags,
  positions: { REPO: 'repo' },
  examples: [
    ['roseinfer pull openai-community/gpt2', 'GPT-2, from then on --model openai-community/gpt2'],
    ['roseinfer pull OWNER/NAME --revision v1.0', 'a tag, from then on --model OWNER/NAME@v1.0'],
    ['roseinfer pull OWNER/NAME/FILE.gguf', 'one of the GGUF files of a repository'],
  ],
  run: pull,
});
