// `roseinfer batch`: the calls of a file, answered one a line into another file. A run that was cut goes on where it was.
import type { InferredOptionTypes } from 'yargs';
import { modelFiles } from '../models/model-files.ts';
import { SERVER_DEFAULTS } from '../server/server-options.ts';
import { UsageError } from '../terminal/flag-words.ts';
import { nameFlag, quietFlag, seedFlag, switchFlag } from '../terminal/flags.ts';
import { checkOutputs } from '../terminal/output-file.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { count } from '../util/count.ts';
import { RoseinferError } from '../util/errors.ts';
import { lockOutput, openCalls, STANDARD, scanFile } from './batch/batch-files.ts';
import { EngineAnswers } from './batch/engine-answers.ts';
import { engineFlags } from './batch/engine-flags.ts';
import type { Answers } from './batch/line-answer.ts';
import { Progress } from './batch/progress.ts';
import { ResultFile } from './batch/result-file.ts';
import { examineOutput, newStart, startOutput } from './batch/resume.ts';
import { runBatch } from './batch/run-batch.ts';
import { StdoutResults } from './batch/stdout-results.ts';
import { defineCommand } from './command.ts';
import { openQueue } from './queue/open-queue.ts';
import { QueueAnswers } from './queue/queue-answers.ts';
import { fingerprintFlag, queueFlags } from './queue/queue-flags.ts';
import { ANY } from './queue/subjects.ts';

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
  overwrite: { ...switchFlag('overwrite'), describe: 'start anew if the output has results' },
  seed: {
    ...seedFlag('seed'),
    defaultDescription: 'drawn',
    describe: 'seed of the run: a call without one takes its own from this and its line number',
  },
  ...engineFlags,
  ...queueFlags,
  ...fingerprintFlag,
  ...quietFlag,
};

/** Values of the flags of `roseinfer batch`. */
type BatchArgs = InferredOptionTypes<typeof batchFlags>;

/** Error of a run that came to its end with lines that have errors. */
class BatchErrorsError extends RoseinferError {}

/** Most bytes of a line: those that the server takes of a call, which is all of one. */
const MAX_LINE = SERVER_DEFAULTS.maxBody;

/**
 * Answers every line that has no result yet.
 *
 * @throws BatchErrorsError when lines have errors; OtherRunError for results of another run; InputFileError; BatchFileError; ResultFileError.
 */
async function batch(args: BatchArgs, signal: AbortSignal): Promise<void> {
  const { input, output, ordered = false, overwrite = false } = args;
  await using files = new AsyncDisposableStack();
  const isFile = output !== STANDARD;
  if (isFile) {
    const inputs = { '--input': input, '--chat-template': args['chat-template'], '--creds': args.creds };
    const others = { '--queue-ca': args['queue-ca'], '--model': await modelFiles(args.model) };
    await checkOutputs({ '--output': output }, { ...inputs, ...others });
    files.use(await lockOutput(output));
  }
  const scan = await scanFile(input, MAX_LINE, signal);
  const file = isFile ? files.use(await ResultFile.open(output)) : null;
  const state = file && (await examineOutput(output, file, { scan, overwrite }));
  using status = StatusLine.of(args);
  const say = (line: string) => status.say(line);
  await using parts = new AsyncDisposableStack();
  const answers = await openAnswers(args, { parts, signal, status, say });
  const now = { ...answers.source, input: scan?.sha256 ?? STANDARD, seed: args.seed, ordered };
  const start = state === null ? newStart(args.seed, now.queue) : await startOutput(state, now, scan?.lastLine ?? 0);
  const progress = new Progress(scan?.numCalls ?? null, start, () => performance.now());
  if (start.done.size > 0) say(`resuming after ${count(start.done.size, 'result')}`);
  answers.begin(start, signal);
  let report: string | null = null;
  try {
    await runBatch({
      input: (abort) => openCalls(input, scan, abort),
      maxLine: MAX_LINE,
      answer: (call) => answers.answer(call),
      results: file ?? new StdoutResults(),
      done: start.done,
      seed: start.seed,
      window: answers.window,
      ordered,
      signal,
      onResult: (outcome) => {
        progress.add(outcome);
        const line = progress.line();
        if (line !== null) status.show(line, progress.share);
      },
    });
    report = await answers.finish();
  } finally {
    say(`${progress.summary()} · seed ${start.seed}`);
    if (report !== null) say(report);
  }
  const { numErrors } = progress;
  if (numErrors > 0) {
    const found = count(numErrors, 'line has an error', 'lines have errors');
    throw new BatchErrorsError(`${found}: see "error" and "status_code" of the results`);
  }
}

/** Parts of a command that answers are opened with. */
interface OpenParts {
  /** Closes what is opened. */
  readonly parts: AsyncDisposableStack;
  readonly signal: AbortSignal;
  readonly status: StatusLine;
  readonly say: (line: string) => void;
}

async function openAnswers(args: BatchArgs, { parts, signal, status, say }: OpenParts): Promise<Answers> {
  const { queue: address, fingerprint, ordered } = args;
  if (address !== undefined) {
    const idle = Object.keys(engineFlags).find((flag) => Reflect.get(args, flag) !== undefined);
    if (idle !== undefined) throw new UsageError(`--${idle} is given with --queue, expected it of the workers`);
    const access = { creds: args.creds, ca: args['queue-ca'] };
    const queue = await openQueue(address, { ...access, signal, onNotice: say });
    return parts.use(new QueueAnswers(queue, fingerprint ?? ANY));
  }
  const idle = (['fingerprint', 'creds', 'queue-ca'] as const).find((flag) => args[flag] !== undefined);
  if (idle !== undefined) throw new UsageError(`--${idle} is given without --queue, expected both`);
  return parts.use(await EngineAnswers.open(args, { signal, status, ordered }));
}

/** The command `roseinfer batch`. */
export const batchCommand = defineCommand({
  flags: batchFlags,
  positions: { IN: 'input', OUT: 'output' },
  examples: [
    ['roseinfer batch calls.jsonl results.jsonl', 'resumes where it stopped when it is run again'],
    ['roseinfer batch calls.jsonl results.jsonl --ordered --seed 1', 'results in the order of the calls'],
    ['roseinfer batch calls.jsonl results.jsonl --queue nats://queue:4222', 'answered by roseinfer worker elsewhere'],
    ['roseinfer batch - - < calls.jsonl | jq .response.body', 'as a part of a pipe, from its beginning each time'],
  ],
  run: batch,
});
