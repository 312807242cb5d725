// `roseinfer batch`: the calls of a file, answered one a line into another file. A run that was cut goes on where it was.
import type { InferredOptionTypes } from 'yargs';
import { Engine } from '../engine/engine.ts';
import { rolesChat } from '../engine/roles-chat.ts';
import type { LoadedModel } from '../load-model.ts';
import { fingerprintOf, hashModel } from '../models/fingerprint.ts';
import { modelFiles } from '../models/model-files.ts';
import { shortName } from '../models/short-name.ts';
import { answerBody } from '../server/answer-body.ts';
import { Grammars } from '../server/grammars.ts';
import { SERVER_DEFAULTS } from '../server/server-options.ts';
import type { Ground } from '../server/serving.ts';
import { integerFlag, modelFlags, modelOptions, nameFlag, seedFlag, switchFlag, tuneFlag } from '../terminal/flags.ts';
import { modelName, openModel } from '../terminal/open-model.ts';
import { checkOutputs } from '../terminal/output-file.ts';
import { NO_TERMINAL, StatusLine } from '../terminal/status-line.ts';
import { RoseinferError } from '../util/errors.ts';
import { lockOutput, openInput, STANDARD, scanFile } from './batch/batch-files.ts';
import { Progress } from './batch/progress.ts';
import { ResultFile } from './batch/result-file.ts';
import { examineOutput, newStart, startOutput } from './batch/resume.ts';
import { runBatch } from './batch/run-batch.ts';
import { StdoutResults } from './batch/stdout-results.ts';
import { defineCommand } from './command.ts';

/** The flags of `roseinfer batch`. */
const batchFlags = {
  input: {
    ...nameFlag('input'),
    demandOption: true as const,
    describe: 'the calls, one a line, when no IN is given; - is stdin',
  },
  output: {
    ...nameFlag('output'),
    demandOption: true as const,
    describe: 'the results, when no OUT is given; - is stdout',
  },
  ordered: { ...switchFlag('ordered'), describe: 'write results in the order of the calls' },
  overwrite: { ...switchFlag('overwrite'), describe: 'begin anew where the output has results' },
  seed: {
    ...seedFlag('seed'),
    defaultDescription: 'drawn',
    describe: 'seed of the run: a call without one takes its own from this and its line number',
  },
  'served-model-name': {
    ...nameFlag('served-model-name'),
    describe: 'name of the model in calls; default its last part',
  },
  'max-batch-size': {
    ...integerFlag('max-batch-size', 1),
    defaultDescription: '8',
    describe: 'most sequences in a step',
  },
  'max-model-len': { ...integerFlag('max-model-len', 1), describe: 'longest context, in tokens' },
  'num-blocks': { ...integerFlag('num-blocks', 1), describe: 'blocks of the KV cache' },
  ...modelFlags,
  ...tuneFlag,
  quiet: { ...switchFlag('quiet'), describe: 'no progress and no summary on stderr' },
};

/** Values of the flags of `roseinfer batch`. */
type BatchArgs = InferredOptionTypes<typeof batchFlags>;

/** Error of a run that came to its end with lines that have errors. */
class BatchErrorsError extends RoseinferError {}

/** Most bytes of a line: those that the server takes of a call, which is all of one. */
const MAX_LINE = SERVER_DEFAULTS.maxBody;
/** Compilations of the lines' structured outputs wait for each other, and none is refused for others. */
const GRAMMAR_BOUNDS = { compileTimeout: 10, maxPending: Number.POSITIVE_INFINITY };
/** Lines under way for each place in the batch, so that none is ever free; in order, those that wait for an earlier one are among them. */
const LINES_PER_PLACE = 2;
const ORDERED_LINES_PER_PLACE = 16;

/**
 * Answers every line that has no result yet.
 *
 * @throws BatchErrorsError when lines have errors; OtherRunError for results of another run; BatchFileError; ResultFileError.
 */
async function batch(args: BatchArgs, signal: AbortSignal): Promise<void> {
  const { input, output, ordered = false, overwrite = false } = args;
  await using files = new AsyncDisposableStack();
  const isFile = output !== STANDARD;
  if (isFile) {
    await checkOutputs({ '--output': output }, { '--input': input, '--model': await modelFiles(args.model) });
    files.use(await lockOutput(output));
  }
  const scan = await scanFile(input, MAX_LINE, signal);
  const file = isFile ? files.use(await ResultFile.open(output)) : null;
  const state = file && (await examineOutput(output, file, { scan, overwrite }));
  using status = new StatusLine(args.quiet ? NO_TERMINAL : process.stderr);
  await using model = await openBatchModel(args, signal, status);
  const { runner, tokenizer, chat } = model;
  await using engine = new Engine({ runner, tokenizer, chat });
  await using grammars = new AsyncDisposableStack();
  const compiler = grammars.adopt(new Grammars(model, GRAMMAR_BOUNDS), (opened) => opened.close());
  const ground = await groundOf(args, model, { engine, grammars: compiler });
  const now = {
    input: scan?.sha256 ?? STANDARD,
    model: modelName(args.model),
    fingerprint: ground.model.fingerprint,
    seed: args.seed,
    ordered,
  };
  const start = state === null ? newStart(args.seed) : await startOutput(state, now, scan?.lastLine ?? 0);
  const progress = new Progress(scan?.numCalls ?? null, start, () => performance.now());
  const say = (line: string) => {
    status.clear();
    if (!args.quiet) console.error(line);
  };
  if (start.done.size > 0) say(`going on after ${start.done.size} results`);
  try {
    await runBatch({
      input: (abort) => openInput(input, scan, abort),
      maxLine: MAX_LINE,
      answer: (call) => answerBody(ground, call),
      results: file ?? new StdoutResults(),
      done: start.done,
      seed: start.seed,
      window: runner.limits.maxBatchSize * (ordered ? ORDERED_LINES_PER_PLACE : LINES_PER_PLACE),
      ordered,
      signal,
      onResult: (outcome) => {
        progress.add(outcome);
        const line = progress.line();
        if (line !== null) status.show(line);
      },
    });
  } finally {
    say(`${progress.summary()} · seed ${start.seed}`);
  }
  const { numErrors } = progress;
  if (numErrors > 0) {
    const found = numErrors === 1 ? '1 line has an error' : `${numErrors} lines have errors`;
    throw new BatchErrorsError(`${found}: see "error" and "status_code" of the results`);
  }
}

function openBatchModel(args: BatchArgs, signal: AbortSignal, status: StatusLine): Promise<LoadedModel> {
  return openModel(args.model, {
    ...modelOptions(args),
    tune: args.tune,
    maxBatchSize: args['max-batch-size'],
    maxModelLen: args['max-model-len'],
    numBlocks: args['num-blocks'],
    signal,
    status,
    log: () => {},
  });
}

async function groundOf(
  args: BatchArgs,
  model: LoadedModel,
  parts: Pick<Ground, 'engine' | 'grammars'>,
): Promise<Ground> {
  const { runner, tokenizer, chat, config, dtype, kvDtype, adapter } = model;
  const weights = await hashModel(args.model);
  const name = args['served-model-name'] ?? shortName(modelName(args.model));
  const fingerprint = fingerprintOf({ weights, dtype, kvDtype, adapter });
  return {
    model: { name, runner, tokenizer, chat, embeddingSize: config.hiddenSize, fingerprint },
    ...parts,
    chat: chat ?? rolesChat(tokenizer),
    isStopping: false,
    options: { requestTimeout: null },
  };
}

/** The command `roseinfer batch`. */
export const batchCommand = defineCommand({
  flags: batchFlags,
  positions: { IN: 'input', OUT: 'output' },
  examples: [
    ['roseinfer batch calls.jsonl results.jsonl', 'goes on where it was when the same command is given again'],
    ['roseinfer batch calls.jsonl results.jsonl --ordered --seed 1', 'results in the order of the calls'],
    ['roseinfer batch - - < calls.jsonl | jq .response.body', 'as a part of a pipe, from its beginning each time'],
  ],
  run: batch,
});
