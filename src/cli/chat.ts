// `roseinfer chat`: messages in, answers out as they come, on a terminal or through a pipe. Answers alone go to stdout; notices,
// errors and the line about an answer's speed go to stderr.
import type { InferredOptionTypes } from 'yargs';
import { contextOf } from '../core/runner.ts';
import { Engine } from '../engine/engine.ts';
import type { LoadedModel } from '../load-model.ts';
import { nameFlags } from '../terminal/flag-names.ts';
import {
  chatTemplateFlag,
  integerFlag,
  modelFlags,
  modelOptions,
  quietFlag,
  switchFlag,
  textFlag,
  tuneFlag,
} from '../terminal/flags.ts';
import { modelName, openModel } from '../terminal/open-model.ts';
import { describeError } from '../terminal/run-command.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { count } from '../util/count.ts';
import { variable } from '../util/environment.ts';
import { RoseinferError } from '../util/errors.ts';
import { answerPrinter } from './chat/answer-printer.ts';
import { type Chat, completeCommand, LEAVE, runChatCommand } from './chat/commands.ts';
import { type Lines, readEntry } from './chat/lines.ts';
import { answerFlags } from './chat/params.ts';
import { PipedLines } from './chat/piped-lines.ts';
import { plainFormat } from './chat/plain-format.ts';
import { type Answer, ChatSession } from './chat/session.ts';
import { TerminalLines } from './chat/terminal-lines.ts';
import { defineCommand } from './command.ts';
import { idleGenerationFlags, samplingOf } from './generation-flags.ts';

/** The flags of `roseinfer chat`. */
const chatFlags = {
  system: { ...textFlag('system'), describe: 'system message of the chat' },
  ...answerFlags,
  'max-model-len': { ...integerFlag('max-model-len', 2), describe: 'longest context, in tokens' },
  ...modelFlags,
  ...chatTemplateFlag,
  ...tuneFlag,
  verbose: {
    ...switchFlag('verbose'),
    describe: 'print memory, model and speed on stderr even if it is not a terminal',
  },
  ...quietFlag,
};

/** Values of the flags of `roseinfer chat`. */
type ChatArgs = InferredOptionTypes<typeof chatFlags>;

/** Error of a chat in a pipe that went on after errors. */
class ChatErrorsError extends RoseinferError {}

/**
 * Answers messages to their end.
 *
 * @throws ChatErrorsError at the end of a pipe for entries that had errors; what loading a model throws.
 */
async function chat(args: ChatArgs, signal: AbortSignal): Promise<void> {
  await using model = await openChatModel(args, signal);
  const { runner, tokenizer } = model;
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const say = args.quiet ? () => {} : notices();
  const format = model.chat ?? plainFormat(tokenizer);
  await using engine = new Engine({ runner, tokenizer, chat: format });
  const session = new ChatSession({ engine, format, tokenizer, limits: runner.limits });
  session.system = args.system;
  session.sampling = samplingOf(args);
  if (model.chat === undefined) {
    say(`${modelName(args.model)} has no chat template: messages are written as "User: …", answers as "Assistant: …"`);
  }
  if (isTerminal) say('/help lists the commands; Ctrl-C stops an answer, Ctrl-D leaves');
  using lines = isTerminal
    ? new TerminalLines({ input: process.stdin, output: process.stdout }, completeCommand, signal)
    : new PipedLines(process.stdin, signal);
  const isMeasured = args.verbose === true || process.stderr.isTTY === true;
  const print = (text: string) => void process.stdout.write(text);
  let before = '';
  const show: Chat['show'] = async (answer) => {
    const printer = answerPrinter({ isTerminal, before, print });
    const shown = await lines
      .run((stop) => answer({ signal: stop, piece: printer.piece }))
      .catch((error: unknown) => {
        printer.cut();
        throw error;
      });
    printer.end();
    signal.throwIfAborted();
    // Between two answers of a pipe, as between completions.
    if (!isTerminal) before = '\n';
    for (const line of describeAnswer(shown, contextOf(runner.limits), isMeasured)) say(line);
  };
  const numErrors = await converse(lines, { session, format, args, say, show }, { signal, runner });
  if (numErrors > 0 && !isTerminal) throw new ChatErrorsError(`${count(numErrors, 'line')} of stdin had errors`);
}

/** Answers entry after entry; returns the number of those that had errors. */
async function converse(
  lines: Lines,
  chat: Chat,
  { signal, runner }: { readonly signal: AbortSignal; readonly runner: LoadedModel['runner'] },
): Promise<number> {
  for (let numErrors = 0; ; ) {
    const entry = await readEntry(lines);
    if (entry === null) return numErrors;
    try {
      if (entry.kind === 'message') await chat.show((listener) => chat.session.send(entry.text, listener));
      else if ((await runChatCommand(entry.name, entry.argument, chat)) === LEAVE) return numErrors;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RoseinferError) || runner.failure) throw error;
      console.error(nameFlags(describeError(error, variable('DEBUG')), chatFlags));
      numErrors++;
    }
  }
}

async function openChatModel(args: ChatArgs, signal: AbortSignal): Promise<LoadedModel> {
  using status = StatusLine.of(args);
  return await openModel(args.model, {
    ...modelOptions(args),
    chatTemplate: args['chat-template'],
    tune: args.tune,
    maxBatchSize: 1,
    maxModelLen: args['max-model-len'],
    signal,
    status,
    log: (line) => args.verbose && status.say(line),
  });
}

/** Makes the printer of notices: in a faint colour on a terminal, unless NO_COLOR is set. */
function notices(): (text: string) => void {
  const isFaint = process.stderr.isTTY === true && variable('NO_COLOR') === undefined;
  return (text) => console.error(isFaint ? `\u001B[2m${text}\u001B[22m` : text);
}

function describeAnswer({ finished, numForgotten, isKept }: Answer, context: number, isMeasured: boolean): string[] {
  const { ids, finishReason, promptTokens, cachedTokens, timings } = finished;
  const seconds = timings.e2e / 1000;
  const forgotten =
    `${numForgotten === 1 ? 'the oldest turn no longer fits' : `the ${numForgotten} oldest turns no longer fit`} into the ` +
    `context of ${context} tokens: the model sees no more of it, and /save writes all`;
  const end = finishReason === 'length' ? ' · cut' : finishReason === 'abort' ? ' · stopped' : '';
  const measured =
    `${count(ids.length, 'token')} in ${seconds.toFixed(2)} s · ${(ids.length / seconds).toFixed(2)} tokens/s` +
    ` · ${cachedTokens} of ${promptTokens} prompt tokens cached${end}`;
  return [
    ...(numForgotten > 0 ? [forgotten] : []),
    ...(isKept ? [] : ['stopped before the answer began: the message is taken back']),
    ...(isMeasured ? [measured] : []),
  ];
}

/** The command `roseinfer chat`. */
export const chatCommand = defineCommand({
  flags: chatFlags,
  positions: { MODEL: 'model' },
  examples: [
    ['roseinfer chat', 'with the bundled model, which tells stories'],
    ['roseinfer chat FILE.gguf --system "Be brief." --temperature 0.7', 'with a model that follows instructions'],
    ['roseinfer chat FILE.gguf < questions.txt', 'a message a line, the answers alone on stdout'],
  ],
  idle: idleGenerationFlags,
  run: chat,
});
