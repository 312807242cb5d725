// `/v1/embeddings`: vectors of texts, computed in the steps of whatever else runs.
import type { z } from 'zod';
import type { Embedding, EmbeddingRequest } from '../../engine/embedding.ts';
import { QueueFullError, RequestAbortedError } from '../../engine/errors.ts';
import { ApiError, invalidParameter, NO_RETRY } from '../api-error.ts';
import { deadlinePassed, shuttingDown } from '../engine-errors.ts';
import { EmbeddingCall } from '../generation/embedding-call.ts';
import { embeddingParameters } from '../parameters/embeddings.ts';
import { MAX_INPUT_TOKENS, MAX_WRITTEN_ELEMENTS } from '../parameters/kinds.ts';
import { parseParameters } from '../parameters/parse.ts';
import { promptsOf } from '../parameters/prompts.ts';
import { readJson } from '../read-body.ts';
import {
  abortWhenLeft,
  type Call,
  callerOf,
  checkIsServing,
  checkModel,
  noteTokens,
  ownerOf,
  refusalOf,
  requestFields,
  type Serving,
} from '../serving.ts';
import { encodePrompt } from './encode-prompt.ts';

type Parameters = z.output<typeof embeddingParameters>;

/** Answers a call of `/v1/embeddings`. */
export async function embeddings(serving: Serving, call: Call): Promise<Response> {
  const body = await readJson(call.env.incoming, serving.options.maxBody);
  const parameters = parseParameters(embeddingParameters, body);
  checkModel(serving, parameters.model);
  checkIsServing(serving);
  call.set('names', { prompt: 'input' });
  const { encoding_format: format = 'float' } = parameters;
  checkSizes(serving, parameters);
  const requests = await requestsOf(serving, call, parameters);
  const running = new EmbeddingCall(serving.engine, { owner: ownerOf(call), requests });
  serving.generations.add(running);
  abortWhenLeft(call, running);
  if (serving.options.logTexts) logInputs(serving, call, requests);
  const computed = await endOf(serving, running);
  const sum = (count: (each: Embedding) => number) => computed.reduce((total, each) => total + count(each), 0);
  const promptTokens = sum(({ promptTokens: count }) => count);
  noteTokens(call, promptTokens, 0);
  return call.json({
    object: 'list',
    id: running.id,
    created: Math.floor(Date.now() / 1000),
    model: serving.model.name,
    system_fingerprint: serving.model.fingerprint,
    data: computed.map(({ embedding }, index) => ({
      object: 'embedding',
      index,
      embedding: written(embedding, format),
    })),
    usage: {
      prompt_tokens: promptTokens,
      total_tokens: promptTokens,
      prompt_tokens_details: { cached_tokens: sum(({ cachedTokens }) => cachedTokens) },
    },
  });
}

/** Refuses another width than the model's, and more numbers than one answer should have. @throws ApiError */
function checkSizes({ model }: Serving, { dimensions, input, encoding_format: format = 'float' }: Parameters): void {
  const { embeddingSize: width } = model;
  if (dimensions !== undefined && dimensions !== width) {
    throw invalidParameter('dimensions', `dimensions is ${dimensions}, expected ${width}, the width of the model`);
  }
  const numElements = promptsOf(input).length * width;
  if (format !== 'float' || numElements <= MAX_WRITTEN_ELEMENTS) return;
  const message = `inputs × ${width} elements is ${numElements}, expected at most ${MAX_WRITTEN_ELEMENTS} as numbers; base64 takes any`;
  throw invalidParameter('input', message);
}

/** Encodes the inputs of a call. @throws ApiError for more tokens than a call may have. */
async function requestsOf(serving: Serving, call: Call, parameters: Parameters): Promise<EmbeddingRequest[]> {
  const { pooling, normalize = true, add_special_tokens: addSpecial = false } = parameters;
  const { priority, cacheSalt, deadlineMs } = requestFields(serving, callerOf(call), parameters);
  const requests: EmbeddingRequest[] = [];
  let numTokens = 0;
  for (const input of promptsOf(parameters.input)) {
    const promptIds =
      typeof input === 'string' ? await encodePrompt(serving.model, input, { addSpecial, name: 'input' }) : input;
    numTokens += promptIds.length;
    if (numTokens > MAX_INPUT_TOKENS) {
      throw invalidParameter('input', `input has more than ${MAX_INPUT_TOKENS} tokens, expected at most as many`);
    }
    requests.push({ promptIds, pooling, normalize, priority, cacheSalt, deadlineMs });
  }
  return requests;
}

/** Waits for the embeddings of a call. @throws ApiError for one that was ended; what `Engine.embedBatch` throws. */
async function endOf(serving: Serving, { embeddings: computed, choices }: EmbeddingCall): Promise<Embedding[]> {
  try {
    return await computed;
  } catch (error) {
    if (error instanceof QueueFullError) {
      throw refusalOf(serving, error, { param: 'input', what: 'number of inputs', count: choices.length });
    }
    if (!(error instanceof RequestAbortedError)) throw error;
    if (error.isLate) throw deadlinePassed(serving.options.requestTimeout ?? 0);
    if (serving.isStopping) throw shuttingDown();
    throw new ApiError(409, 'call was ended before its embeddings were there', { code: 'aborted', headers: NO_RETRY });
  }
}

/** Writes an embedding as numbers, or as the bytes of its f32. */
function written(embedding: Float32Array, format: NonNullable<Parameters['encoding_format']>): string | number[] {
  if (format === 'float') return [...embedding];
  const { buffer, byteOffset, byteLength } = embedding;
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/** Logs the inputs of a call. */
function logInputs({ log, model }: Serving, call: Call, requests: readonly EmbeddingRequest[]): void {
  const prompts = requests.map(({ promptIds = [] }) => model.tokenizer.decode(promptIds, { skipSpecialTokens: false }));
  log.info({ requestId: call.get('requestId'), prompts }, 'texts');
}
