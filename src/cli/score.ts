// `roseinfer score`: how well a model predicts a text. The figures go to stdout; progress and notices go to stderr.
import type { InferredOptionTypes } from 'yargs';
import { loadTextModel } from '../research/load-text-model.ts';
import { UsageError } from '../terminal/flag-words.ts';
import { integerFlag, modelFlags, modelOptions, nameFlag, quietFlag, switchFlag } from '../terminal/flags.ts';
import { modelName } from '../terminal/open-model.ts';
import { readStdin, readTextFile } from '../terminal/read-text.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { tokenText } from '../tokenizer/token-text.ts';
import { count } from '../util/count.ts';
import { RoseinferError } from '../util/errors.ts';
import { defineCommand } from './command.ts';
import { cutWindows, type ScoredToken, scoreWindows, type WindowSizes } from './score/windows.ts';

/** The flags of `roseinfer score`. */
const scoreFlags = {
  file: {
    ...nameFlag('file'),
    defaultDescription: 'stdin',
    describe: 'the text, when no FILE is given; - reads it from stdin',
  },
  context: {
    ...integerFlag('context', 1),
    defaultDescription: "the model's positions, or what memory holds",
    describe: 'most tokens that a token is predicted from; a longer text is cut into windows',
  },
  stride: {
    ...integerFlag('stride', 1),
    defaultDescription: 'the context: no overlap',
    describe: 'tokens from the start of a window to that of the next; fewer give each token more to be predicted from',
  },
  'per-token': { ...switchFlag('per-token'), describe: 'also print a row for each token' },
  json: { ...switchFlag('json'), describe: 'print one JSON object instead of text' },
  ...modelFlags,
  ...quietFlag,
};

/** Values of the flags of `roseinfer score`. */
type ScoreArgs = InferredOptionTypes<typeof scoreFlags>;

/** Error of a text in which there is nothing to predict. */
class ShortTextError extends RoseinferError {}

/** Name of stdin. */
const STDIN = '-';

const HEAD = 'position\tlogprob\tprobability\tid\ttoken';

/**
 * Prints the perplexity of a text.
 *
 * @throws ShortTextError for a text of fewer than two tokens; UsageError for a context or stride that the model does not have.
 */
async function score(args: ScoreArgs, signal: AbortSignal): Promise<void> {
  const text = await readInput(args.file, signal);
  using status = StatusLine.of(args);
  status.show('loading');
  const options = { ...modelOptions(args), onNotice: (notice: string) => status.say(notice) };
  using loaded = await loadTextModel(args.model, options);
  signal.throwIfAborted();
  const { model, tokenizer } = loaded;
  const ids = tokenizer.encode(text);
  if (ids.length < 2) {
    const found = ids.length === 0 ? 'no token' : 'one token';
    throw new ShortTextError(`text has ${found}, expected at least 2: the first is predicted by nothing`);
  }
  const sizes = windowSizes(args, model.maxModelLen);
  const tokens: ScoredToken[] = [];
  const windows = cutWindows(ids.length, sizes);
  for await (const scored of scoreWindows(model, ids, windows)) {
    signal.throwIfAborted();
    tokens.push(...scored);
    status.show(`scoring: ${tokens.length} of ${count(ids.length - 1, 'token')}`, tokens.length / (ids.length - 1));
  }
  status.clear();
  const natsPerToken = -tokens.reduce((sum, { logprob }) => sum + logprob, 0) / tokens.length;
  const bytes = Buffer.byteLength(text);
  const figures = {
    tokens: tokens.length,
    bytes,
    natsPerToken,
    perplexity: Math.exp(natsPerToken),
    bitsPerByte: (natsPerToken * tokens.length) / Math.LN2 / bytes,
  };
  const rows = args['per-token'] ? tokens : [];
  const textOf = (id: number) => tokenText(tokenizer, id);
  if (args.json) {
    const listed = rows.map(({ position, id, logprob }) => ({ position, id, text: textOf(id), logprob }));
    const perToken = args['per-token'] ? { perToken: listed } : {};
    const model = modelName(args.model);
    console.log(JSON.stringify({ schema: 'roseinfer-score-1', model, ...sizes, ...figures, ...perToken }));
    return;
  }
  if (args['per-token']) {
    const lines = rows.map(
      ({ position, id, logprob }) =>
        `${position}\t${logprob.toFixed(4)}\t${Math.exp(logprob).toFixed(4)}\t${id}\t${JSON.stringify(textOf(id))}`,
    );
    console.log([HEAD, ...lines].join('\n'));
    status.say(describe(figures, sizes, windows.length));
  } else console.log(describe(figures, sizes, windows.length));
}

async function readInput(file: string | undefined, signal: AbortSignal): Promise<string> {
  if (file !== undefined && file !== STDIN)
    return await readTextFile({ flag: '--file', path: file, expected: 'a text file' }, signal);
  if (file === undefined && process.stdin.isTTY)
    throw new UsageError('--file is missing, expected a file or a text on stdin');
  return await readStdin(signal);
}

/** Figures of a text. */
interface Figures {
  readonly tokens: number;
  readonly natsPerToken: number;
  readonly perplexity: number;
  readonly bitsPerByte: number;
}

function describe({ tokens, natsPerToken, perplexity, bitsPerByte }: Figures, sizes: WindowSizes, num: number): string {
  const cut = num === 1 ? '' : ` · ${num} windows of ${count(sizes.context, 'token')}, ${sizes.stride} apart`;
  return (
    `perplexity ${perplexity.toFixed(4)} · ${natsPerToken.toFixed(4)} nats a token · ${bitsPerByte.toFixed(4)} bits a byte · ` +
    `${count(tokens, 'token')} predicted${cut}`
  );
}

function windowSizes({ context: asked, stride: askedStride }: ScoreArgs, most: number): WindowSizes {
  const context = asked ?? most;
  if (context > most)
    throw new UsageError(`--context is ${context}, expected at most ${most}, the model's context here`);
  const stride = askedStride ?? context;
  if (stride > context) throw new UsageError(`--stride is ${stride}, expected at most the context, ${context}`);
  return { context, stride };
}

/** The command `roseinfer score`. */
export const scoreCommand = defineCommand({
  flags: scoreFlags,
  positions: { FILE: 'file' },
  examples: [
    ['roseinfer score story.txt', 'its perplexity'],
    [
      'roseinfer score story.txt --context 512 --stride 256',
      'each token from at least 256 before it, but the first ones',
    ],
    ['roseinfer score story.txt --per-token > tokens.tsv', 'how likely each token was'],
    ['cat story.txt | roseinfer score --json --dtype q8', 'from stdin, for a program, with other weights'],
  ],
  run: score,
});
