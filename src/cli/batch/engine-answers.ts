// Answers of an engine in this process: for `roseinfer batch` without a queue, and for each worker of one.
import { Engine } from '../../engine/engine.ts';
import { rolesChat } from '../../engine/roles-chat.ts';
import { fingerprintOf, hashModel } from '../../models/fingerprint.ts';
import { shortName } from '../../models/short-name.ts';
import { answerBody } from '../../server/answer-body.ts';
import { Grammars } from '../../server/grammars.ts';
import type { Ground } from '../../server/serving.ts';
import { modelOptions } from '../../terminal/flags.ts';
import { modelName, openModel } from '../../terminal/open-model.ts';
import type { StatusLine } from '../../terminal/status-line.ts';
import type { EngineArgs } from './engine-flags.ts';
import type { AnswerSource, Answers, LineAnswer, LineCall } from './line-answer.ts';
import { answerRecord } from './result.ts';

/** Compilations of the lines' structured outputs wait for each other, and none is refused for others. */
const GRAMMAR_BOUNDS = { compileTimeout: 10, maxPending: Number.POSITIVE_INFINITY };
/** Status of a device that is gone, or an engine that was closed: no line can be answered any more. */
const GONE = 503;
/** Lines under way for each place in the batch, so that none is ever free; in order, those that wait for an earlier one are among them. */
const LINES_PER_PLACE = 2;
const ORDERED_LINES_PER_PLACE = 16;

/** Surroundings in which an engine is opened. */
interface EngineSetup {
  readonly signal: AbortSignal;
  /** Shows the progress of loading. */
  readonly status: StatusLine;
  /** As `--ordered`. */
  readonly ordered?: boolean | undefined;
}

/** An engine that answers lines. */
export class EngineAnswers implements Answers {
  readonly source: AnswerSource;
  readonly window: number;
  readonly #ground: Ground;
  readonly #parts: AsyncDisposableStack;

  private constructor(ground: Ground, source: AnswerSource, window: number, parts: AsyncDisposableStack) {
    this.#ground = ground;
    this.source = source;
    this.window = window;
    this.#parts = parts;
  }

  /** Opens an engine with its model. @throws what `loadModel` throws, and the signal's reason. */
  static async open(args: EngineArgs, { signal, status, ordered = false }: EngineSetup): Promise<EngineAnswers> {
    await using parts = new AsyncDisposableStack();
    const model = parts.use(
      await openModel(args.model, {
        ...modelOptions(args),
        chatTemplate: args['chat-template'],
        tune: args.tune,
        maxBatchSize: args['max-batch-size'],
        maxModelLen: args['max-model-len'],
        numBlocks: args['num-blocks'],
        signal,
        status,
        log: () => {},
      }),
    );
    const { runner, tokenizer, chat, config, dtype, kvDtype, adapter } = model;
    const weights = await hashModel(args.model);
    const name = modelName(args.model);
    const fingerprint = fingerprintOf({ weights, dtype, kvDtype, adapter, template: chat?.template.source });
    const engine = parts.use(new Engine({ runner, tokenizer, chat }));
    const grammars = parts.adopt(new Grammars(model, GRAMMAR_BOUNDS), (opened) => opened.close());
    const ground = {
      model: {
        name: args['served-model-name'] ?? shortName(name),
        runner,
        tokenizer,
        chat,
        embeddingSize: config.hiddenSize,
        fingerprint,
      },
      engine,
      grammars,
      chat: chat ?? rolesChat(tokenizer),
      isStopping: false,
      options: { requestTimeout: null },
    };
    const window = runner.limits.maxBatchSize * (ordered ? ORDERED_LINES_PER_PLACE : LINES_PER_PLACE);
    return new EngineAnswers(ground, { model: name, fingerprint, queue: null }, window, parts.move());
  }

  begin(): void {}

  answer(call: LineCall): Promise<LineAnswer> {
    return answerLine(this.#ground, call);
  }

  async finish(): Promise<null> {
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

/** Answers a line with an engine. @throws the signal's reason; ApiError of a device that is gone. */
export async function answerLine(ground: Ground, { line, customId, ...call }: LineCall): Promise<LineAnswer> {
  const answered = await answerBody(ground, call);
  if (answered.status === GONE) throw answered.error;
  return {
    record: answerRecord({ line, customId }, answered),
    isError: answered.error !== null,
    tokens: answered.tokens.completion,
  };
}
