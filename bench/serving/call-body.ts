// Bodies of calls, in the parameters that all servers of OpenAI's API know. Others, which those of vLLM's kind know, are sent only where a flag
// needs them.
import type { BenchRequest } from '../load/requests.ts';
import { ServerError } from './server-error.ts';

/** Calls of a benchmark, and the model that they name. */
export interface CallTarget {
  readonly endpoint: 'completions' | 'chat';
  readonly model: string;
  /** Asks for timelines. */
  readonly timeline: boolean;
}

/** Path of an endpoint. */
export function pathOf({ endpoint }: Pick<CallTarget, 'endpoint'>): string {
  return endpoint === 'chat' ? '/v1/chat/completions' : '/v1/completions';
}

/** Writes the body of a streamed call. @throws ServerError for a chat of ids. */
export function callBody({ prompt, promptIds, sampling, priority }: BenchRequest, target: CallTarget): Buffer {
  const { endpoint, model, timeline } = target;
  const { maxTokens, seed, temperature = 1, topP = 1, topK = 0, minP = 0, ignoreEos = false } = sampling;
  if (endpoint === 'chat' && prompt === undefined) {
    throw new ServerError('a request has input_length, which --endpoint chat does not take, expected a prompt');
  }
  const body = {
    model,
    ...(endpoint === 'chat' ? { messages: [{ role: 'user', content: prompt }] } : { prompt: promptIds ?? prompt }),
    max_tokens: maxTokens,
    temperature,
    ...(temperature > 0 && { seed, top_p: topP }),
    ...(temperature > 0 && topK > 0 && { top_k: topK }),
    ...(temperature > 0 && minP > 0 && { min_p: minP }),
    ...(ignoreEos && { ignore_eos: true }),
    ...(priority !== undefined && { priority }),
    ...(timeline && { timeline: true }),
    stream: true,
    stream_options: { include_usage: true },
  };
  return Buffer.from(JSON.stringify(body));
}
