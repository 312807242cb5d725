// The model as the AI SDK calls it: a prompt is a chat, an answer a request of the engine.
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from '@ai-sdk/provider';
import { contextOf } from '../core/runner.ts';
import { chatRequest } from '../engine/chat.ts';
import { chatLength, longestPrompt } from '../engine/longest-prompt.ts';
import type { FinishedRequest, GenerationRequest } from '../engine/request.ts';
import type { StructuredOutput } from '../grammar/structured-output.ts';
import { CallReader, type CallReading } from '../tools/call-reader.ts';
import { RangeValueError } from '../util/errors.ts';
import { type Call, readCall } from './call.ts';
import { faultOf, toSdkError } from './errors.ts';
import type { ModelSource, OpenModel } from './model-source.ts';
import { finishReasonOf, metadataOf, usageOf } from './outcome.ts';
import { type PieceStream, partStream, toolCallOf, untilFault } from './part-stream.ts';
import { prepareTools } from './tools.ts';
import { untilAborted } from './until-aborted.ts';

/** A call that is ready to run. */
interface ReadyCall extends Pick<Call, 'warnings'> {
  readonly model: OpenModel;
  /** Null for an answer that calls no tools. */
  readonly reading: CallReading | null;
  readonly request: GenerationRequest;
  readonly timestamp: Date;
}

/** The language model of a provider. */
export class RoseinferLanguageModel implements LanguageModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'roseinfer';
  readonly modelId: string;
  /** All: what is no text is refused, and nothing is downloaded for that. */
  readonly supportedUrls = { '*/*': [/^/] };
  readonly #source: ModelSource;

  constructor(modelId: string, source: ModelSource) {
    this.modelId = modelId;
    this.#source = source;
  }

  /** @throws errors of the SDK, and the reason of a signal that aborts the call. */
  async doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    return await this.#run(options, async ({ model, request, reading, timestamp, warnings }) => {
      const reader = readerOf(reading);
      const finished = await this.#source.hold(request, readAll(model.engine.stream(request), reader));
      if (finished.finishReason === 'abort') options.abortSignal?.throwIfAborted();
      const fault = faultOf(finished);
      if (fault !== null) throw fault;
      return {
        content: contentOf(reader),
        ...endOf(finished, model, reader),
        response: { id: finished.requestId, modelId: this.modelId, timestamp },
        warnings,
      };
    });
  }

  /** @throws what `doGenerate` throws before the first part; later faults are parts. */
  async doStream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    const { abortSignal: signal, includeRawChunks: includesRaw = false } = options;
    return await this.#run(options, async ({ model, request, reading, timestamp, warnings }) => {
      const reader = readerOf(reading);
      const pieces = model.engine.stream(request);
      void this.#source.hold(request, pieces.finished);
      const { requestId: id } = pieces;
      const opening: LanguageModelV4StreamPart[] = [
        { type: 'stream-start', warnings },
        { type: 'response-metadata', id, modelId: this.modelId, timestamp },
      ];
      const closing = (finished: FinishedRequest): LanguageModelV4StreamPart[] => {
        const fault = faultOf(finished);
        const end = endOf(finished, model, reader);
        if (fault === null) return [{ type: 'finish', ...end }];
        const finishReason = { ...end.finishReason, unified: 'error' as const };
        return [
          { type: 'error', error: this.#toSdkError(fault, options) },
          { type: 'finish', ...end, finishReason },
        ];
      };
      return { stream: partStream(pieces, { opening, closing, signal, includesRaw, reader }) };
    });
  }

  /** Makes a call ready and runs it; ours among the errors become the SDK's. */
  async #run<T>(options: LanguageModelV4CallOptions, run: (call: ReadyCall) => Promise<T>): Promise<T> {
    try {
      return await run(await this.#prepare(options));
    } catch (error) {
      throw this.#toSdkError(error, options);
    }
  }

  async #prepare(options: LanguageModelV4CallOptions): Promise<ReadyCall> {
    // A call that no one waits for loads no model.
    options.abortSignal?.throwIfAborted();
    const timestamp = new Date();
    const { messages, tools, output, request: given, warnings } = readCall(options);
    const model = await untilAborted(this.#source.open(), options.abortSignal);
    const { limits, tokenizer, chat } = model;
    const length = chatLength(messages);
    const longest = longestPrompt(tokenizer, limits);
    if (length > longest) throw new RangeValueError('prompt length', length, `at most ${longest} characters`);
    const compile = (form: StructuredOutput) => untilAborted(this.#source.compile(form), options.abortSignal);
    const { messages: ready, plan } = await prepareTools(model, { messages, tools }, compile);
    const constraint = plan?.constraint ?? (output === null ? undefined : await compile(output));
    const asked = { ...given, constraint, tools: tools?.tools };
    const request = await untilAborted(chatRequest(chat, ready, asked), options.abortSignal);
    const room = Math.max(contextOf(limits) - request.promptIds.length, 1);
    const sampling = { ...request.sampling, maxTokens: request.sampling?.maxTokens ?? room };
    return { model, request: { ...request, sampling }, reading: plan?.reading ?? null, timestamp, warnings };
  }

  #toSdkError(error: unknown, { prompt, responseFormat }: LanguageModelV4CallOptions): unknown {
    return toSdkError(error, { modelId: this.modelId, prompt, hasTools: responseFormat?.type !== 'json' });
  }
}

/** The end of an answer, whole or in pieces. */
function endOf(finished: FinishedRequest, model: OpenModel, { hasWholeCalls }: CallReader) {
  return {
    finishReason: finishReasonOf(finished, hasWholeCalls),
    usage: usageOf(finished),
    providerMetadata: metadataOf(finished, model),
  };
}

function readerOf(reading: CallReading | null): CallReader {
  return reading === null ? CallReader.ofText() : new CallReader(reading);
}

/** Reads an answer to its end. */
async function readAll(pieces: PieceStream, reader: CallReader): Promise<FinishedRequest> {
  for await (const { id, text } of untilFault(pieces)) reader.read(id, text);
  reader.end();
  return await pieces.finished;
}

/** Lists the content of an answer: its text, and the calls whose arguments are whole. */
function contentOf({ text, calls }: CallReader): LanguageModelV4Content[] {
  return [
    ...(text === '' ? [] : [{ type: 'text', text } as const]),
    ...calls.filter(({ isWhole }) => isWhole).map(toolCallOf),
  ];
}
