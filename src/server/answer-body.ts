// The answer to the body of a call without HTTP: by the same tables of parameters, the same plans and in the same shape as over it.
import { type ApiError, invalidParameter } from './api-error.ts';
import { planChat } from './endpoints/chat-completions.ts';
import { checkAnswerSize, wholeBody } from './endpoints/choices.ts';
import { planCompletions } from './endpoints/completions.ts';
import { type ParameterNames, toApiError } from './engine-errors.ts';
import { Generation } from './generation/generation.ts';
import type { Tokens } from './generation/outcome.ts';
import { bodyOf } from './read-body.ts';
import type { Caller, Ground } from './serving.ts';

/** The plan of each endpoint, by its path. */
const PLANS = { '/v1/completions': planCompletions, '/v1/chat/completions': planChat } as const;

/** Path of an endpoint whose calls are answered without HTTP. */
export type BodyPath = keyof typeof PLANS;

/** Those paths. */
export const BODY_PATHS: readonly BodyPath[] = ['/v1/completions', '/v1/chat/completions'];

/** A call without HTTP. */
export interface BodyCall {
  readonly path: BodyPath;
  /** Parsed JSON. */
  readonly body: unknown;
  /** Seed of a body that has none. */
  readonly seed: number;
  /** Ends the completions. */
  readonly signal: AbortSignal;
}

/** The answer to a call, as its body; that of an error where the status is none of success. */
export interface BodyAnswer {
  readonly status: number;
  readonly body: object;
  readonly tokens: Tokens;
  readonly error: ApiError | null;
}

const NO_TOKENS: Tokens = { prompt: 0, completion: 0, cached: 0 };

/**
 * Answers a call, an error of it included.
 *
 * @throws the signal's reason.
 */
export async function answerBody(ground: Ground, { path, body, seed, signal }: BodyCall): Promise<BodyAnswer> {
  let names: ParameterNames = {};
  const caller: Caller = { owner: '', asksForTimeline: false, setNames: (given) => (names = given) };
  try {
    const plan = await PLANS[path](ground, caller, bodyOf(body));
    if (plan.stream) throw invalidParameter('stream', 'stream is true, expected false: the answer is whole');
    checkAnswerSize(plan.prompts, plan.n);
    signal.throwIfAborted();
    const generation = Generation.start(ground.engine, { ...plan, owner: caller.owner, seed: plan.seed ?? seed });
    const abort = () => generation.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const answer = await wholeBody(ground, generation, plan.options);
      signal.throwIfAborted();
      return { status: 200, ...answer, error: null };
    } finally {
      signal.removeEventListener('abort', abort);
    }
  } catch (cause) {
    signal.throwIfAborted();
    const error = toApiError(cause, names);
    return { status: error.status, body: error.body, tokens: NO_TOKENS, error };
  }
}
