// Shared ground of the handlers of calls: the parts of a server, and the beginning of every call that generates.
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { ChatFormat } from '../engine/chat.ts';
import type { Engine } from '../engine/engine.ts';
import { QueueFullError } from '../engine/errors.ts';
import type { GenerationRequest } from '../engine/request.ts';
import type { Owner } from './access/keys.ts';
import { ApiError, invalidParameter, NO_RETRY } from './api-error.ts';
import { deviceFailed, type ParameterNames, queueFull, shuttingDown } from './engine-errors.ts';
import { Generation, type GenerationPlan } from './generation/generation.ts';
import type { Generations } from './generation/generations.ts';
import { type EndContext, isFirst } from './generation/outcome.ts';
import type { Grammars } from './grammars.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { LiveView } from './page/live-view.ts';
import type { QueuePace } from './queue-pace.ts';
import type { ResponseStore } from './response-store.ts';
import type { ServedModel } from './served-model.ts';
import type { ServerOptions } from './server-options.ts';

/** Facts of a call that its handlers leave for others. */
export interface CallVariables {
  readonly requestId: string;
  readonly owner: Owner;
  /** The endpoint's names of the library's parameters. */
  readonly names: ParameterNames;
  /** Code of the error that it ended with. */
  readonly error: string;
  /** Numbers for the log. */
  readonly tokens: { readonly prompt: number; readonly completion: number };
}

/** A call. */
export type Call = Context<{ Bindings: HttpBindings; Variables: Partial<CallVariables> }>;

/** Ground of every answer, with or without HTTP. */
export interface Ground extends EndContext {
  readonly model: ServedModel;
  readonly engine: Engine;
  /** Way to write chats: the model's, or by roles. */
  readonly chat: ChatFormat;
  readonly grammars: Grammars;
}

/** The one who makes a call. */
export interface Caller {
  readonly owner: Owner;
  readonly asksForTimeline: boolean;
  /** Takes the names that errors of the call give to parameters. */
  readonly setNames: (names: ParameterNames) => void;
}

/** The parts of a server. */
export interface Serving extends Ground {
  readonly options: ServerOptions;
  readonly generations: Generations;
  readonly store: ResponseStore;
  readonly metrics: Metrics;
  readonly live: LiveView;
  readonly pace: QueuePace;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

/** Header that asks for timelines, as the field of a body does. */
const TIMELINE_HEADER = 'x-roseinfer-timeline';

/** Refuses a call to a model that is not served. @throws ApiError */
export function checkModel({ model }: Ground, name: string | undefined): void {
  if (name === undefined || name === model.name) return;
  const message = `model is ${JSON.stringify(name.slice(0, 100))}, expected ${JSON.stringify(model.name)}`;
  throw new ApiError(404, message, { code: 'model_not_found', param: 'model' });
}

/** Refuses work of a server that ends, or whose device is gone. @throws ApiError */
export function checkIsServing({ isStopping, model }: Ground): void {
  if (isStopping) throw shuttingDown();
  const { failure } = model.runner;
  if (failure) throw deviceFailed(failure);
}

/** Fields of a call that every request of it has. */
export interface RequestFields {
  readonly priority?: number | undefined;
  readonly cache_salt?: string | undefined;
  readonly timeline?: boolean | undefined;
  readonly seed?: number | undefined;
  readonly n?: number | undefined;
  readonly resume?: { readonly ids: readonly number[]; readonly system_fingerprint?: string | undefined } | undefined;
}

/**
 * Makes what all requests of a call share. Callers with different keys share no prefixes.
 *
 * @throws ApiError for a call that resumes and has several choices, no seed, or ids of another fingerprint.
 */
export function requestFields({ options, model }: Ground, caller: Caller, fields: RequestFields) {
  const { requestTimeout } = options;
  const { resume } = fields;
  if (resume !== undefined) checkResume(model, fields, resume.system_fingerprint);
  return {
    priority: fields.priority,
    cacheSalt: JSON.stringify([caller.owner, fields.cache_salt ?? '']),
    timeline: fields.timeline ?? caller.asksForTimeline,
    resume: resume && { ids: resume.ids },
    deadlineMs: requestTimeout === null ? undefined : requestTimeout * 1000,
  } satisfies GenerationRequest;
}

function checkResume({ fingerprint }: ServedModel, { seed, n = 1 }: RequestFields, given: string | undefined): void {
  if (n > 1) throw invalidParameter('n', `n is ${n} with resume, expected 1`);
  if (seed === undefined) throw invalidParameter('seed', 'seed is missing with resume, expected that of the cut call');
  if (given === undefined || given === fingerprint) return;
  const message = `resume is of the fingerprint ${JSON.stringify(given.slice(0, 100))}, expected ${JSON.stringify(fingerprint)}`;
  throw new ApiError(409, message, { code: 'other_fingerprint', param: 'resume', headers: NO_RETRY });
}

/** Makes the caller of a call over HTTP. */
export function callerOf(call: Call): Caller {
  return {
    owner: ownerOf(call),
    asksForTimeline: call.req.header(TIMELINE_HEADER) === 'true',
    setNames: (names) => call.set('names', names),
  };
}

/** Owner of what a call leaves behind. */
export function ownerOf(call: Call): Owner {
  return call.get('owner') ?? '';
}

/**
 * Starts the completions of a call. They end when the caller goes away.
 *
 * @throws what `Engine.stream` throws; ApiError where the queue has no room for all.
 */
export function startGeneration(serving: Serving, call: Call, plan: Omit<GenerationPlan, 'owner'>): Generation {
  const generation = startAll(serving, { ...plan, owner: ownerOf(call) });
  serving.generations.add(generation);
  serving.metrics.countCall(plan.n, plan.prompts[0]?.sampling?.maxTokens);
  if (serving.options.logTexts) logTexts(serving, call, generation);
  abortWhenLeft(call, generation);
  return generation;
}

/** Ends what runs for a call when its caller goes away; at once where the caller left while prompts were encoded. */
export function abortWhenLeft({ env: { outgoing } }: Call, running: Pick<Generation, 'abort'>): void {
  if (outgoing.destroyed) running.abort();
  else outgoing.once('close', () => running.abort());
}

function startAll(serving: Serving, plan: GenerationPlan): Generation {
  try {
    return Generation.start(serving.engine, plan);
  } catch (error) {
    if (!(error instanceof QueueFullError)) throw error;
    throw refusalOf(serving, error, { param: 'n', what: 'prompts × n', count: plan.prompts.length * plan.n });
  }
}

/** Requests of a call, as it names them. */
export interface RequestCount {
  readonly param: string;
  readonly what: string;
  readonly count: number;
}

/** Makes the answer to a call of whose requests the queue has no room for all. */
export function refusalOf(
  { model, pace }: Serving,
  error: QueueFullError,
  { param, what, count }: RequestCount,
): ApiError {
  const { queued, max, unit } = error;
  const room = max + model.runner.limits.maxBatchSize;
  if (unit === 'requests' && count > room) {
    const message = `${what} is ${count}, expected at most ${room}, as batch and queue hold no more`;
    return invalidParameter(param, message);
  }
  // Requests that come after the one that was refused would wait as well.
  return queueFull(error, pace.secondsUntilEnds(Math.max(queued - max, count)));
}

/** Leaves the numbers of tokens of a call for the log. */
export function noteTokens(call: Call, prompt: number, completion: number): void {
  call.set('tokens', { prompt, completion });
}

/** Logs the prompts and outputs of a call, where that is wanted. */
function logTexts({ log, model }: Serving, call: Call, { choices, finished }: Generation): void {
  const requestId = call.get('requestId');
  const textOf = (ids: readonly number[]) => model.tokenizer.decode(ids, { skipSpecialTokens: false });
  const prompts = choices.filter(isFirst).map(({ prompt }) => textOf(prompt.promptIds));
  finished.then((ends) => log.info({ requestId, prompts, outputs: ends.map(({ text }) => text) }, 'texts'));
}
