// Schedules: settings of the engine and arrivals, aborts, deadlines and failing steps, all drawn from one seed.
import type { ModelLimits } from '../../src/core/runner.ts';
import type { Pooling } from '../../src/core/sequence.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import { queuePolicyNames } from '../../src/scheduler/create-scheduler.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { hashSeed } from '../../src/util/rng.ts';
import { Draws } from './draws.ts';
import type { FuzzModel } from './fuzz-models.ts';
import { type FuzzRequest, isShort } from './fuzz-requests.ts';

/** Arrivals at an engine, and its settings: all that a request's ids must not depend on. */
export interface Schedule {
  readonly limits: Pick<ModelLimits, 'maxBatchSize' | 'maxBatchTokens' | 'numBlocks'>;
  readonly options: Pick<EngineOptions, 'scheduler' | 'queuePolicy' | 'maxStepMs' | 'maxQueuedRequests'> & {
    readonly overlap: boolean;
    readonly prefixCache: boolean;
  };
  readonly entries: readonly ScheduleEntry[];
  /** Steps that fail; null for none. */
  readonly failures: Failures | null;
}

/** Steps that fail, the first of them counted from 0. */
export interface Failures {
  readonly first: number;
  /** Number of steps that fail in a row; Infinity for all from there on. */
  readonly length: number;
  /** Number of steps between the beginnings of two rows; Infinity for a single row. */
  readonly period: number;
  /** True where a failing step runs and its result is lost, false where it does not run. */
  readonly runs: boolean;
}

/** Tells whether a step fails, by its index. */
export function isFailing(failures: Failures | null, step: number): boolean {
  if (failures === null || step < failures.first) return false;
  return (step - failures.first) % failures.period < failures.length;
}

/** A request, or choices of one, submitted at a turn of the engine. */
export interface ScheduleEntry {
  readonly request: FuzzRequest;
  /** Number of choices; null for the request itself. */
  readonly numChoices: number | null;
  readonly arrivesAt: number;
  /** Turn at which it is aborted, of choices the first one; null for never. */
  readonly abortsAt: number | null;
  readonly priority: number;
  readonly deadlineMs: number | undefined;
  readonly cacheSalt: string;
  /** Share of its ids with which it resumes; null where it starts, as choices do. */
  readonly resumesAt: number | null;
  /** Pooling of its prompt's embedding, which is asked for in place of ids; null where it generates. */
  readonly pooling: Pooling | null;
  /** Turns after which a mask of its constraint comes; 0 for at once. */
  readonly maskTurns: number;
}

/** Most steps that the prompts of a schedule are cut into. */
const MAX_CHUNKS = 150;
/** Most turns before the last request arrives. */
const MAX_ARRIVAL = 25;

/** The schedule of a seed. */
export function drawSchedule(seed: number, { blockSize }: FuzzModel, requests: readonly FuzzRequest[]): Schedule {
  const draws = new Draws(hashSeed(3, seed));
  const cuts = new Draws(hashSeed(6, seed));
  const embeds = new Draws(hashSeed(7, seed));
  const masks = new Draws(hashSeed(9, seed));
  const entries = drawEntries(draws, requests).map((entry) => {
    const resumes = cuts.chance(0.2) && entry.numChoices === null;
    const isEmbedded = embeds.chance(0.2) && entry.numChoices === null && !resumes;
    return {
      ...entry,
      resumesAt: resumes ? cuts.integer(0, 99) / 100 : null,
      pooling: isEmbedded ? embeds.pick<Pooling>(['mean', 'last']) : null,
      maskTurns: masks.pick([0, 0, 1, 2, 5]),
    };
  });
  const numTokens = entries.reduce((sum, entry) => sum + entry.request.promptIds.length * (entry.numChoices ?? 1), 0);
  const maxBatchTokens = Math.max(draws.pick([1, 2, 5, 8, 16, 31, 64, 150, 1024]), ceilDiv(numTokens, MAX_CHUNKS));
  return {
    limits: { maxBatchSize: draws.integer(1, 8), maxBatchTokens, numBlocks: drawNumBlocks(draws, entries, blockSize) },
    options: {
      scheduler: draws.pick(['online', 'online', 'online', 'online', 'online', 'offline', 'naive']),
      queuePolicy: queuePolicyNames[draws.integer(0, queuePolicyNames.length - 1)],
      overlap: draws.chance(0.6),
      prefixCache: draws.chance(0.8),
      maxStepMs: draws.chance(0.4) ? draws.integer(3, 12) : undefined,
      maxQueuedRequests: draws.chance(0.1) ? draws.integer(0, 4) : undefined,
    },
    entries,
    failures: draws.chance(0.3) ? drawFailures(draws) : null,
  };
}

/** Single steps, rows of them, and all steps for ever. */
function drawFailures(draws: Draws): Failures {
  const { POSITIVE_INFINITY: ever } = Number;
  return {
    first: draws.integer(0, 25),
    length: draws.pick([1, 1, 1, 2, 3, ever]),
    period: draws.pick([ever, ever, 4, 9]),
    runs: draws.chance(0.5),
  };
}

function drawEntries(draws: Draws, requests: readonly FuzzRequest[]): ScheduleEntry[] {
  const candidates = draws.chance(0.5) ? requests.filter(isShort) : requests;
  const favourites = Array.from({ length: draws.pick([2, 5, 40]) }, () => draws.integer(0, candidates.length - 1));
  return Array.from({ length: draws.integer(2, 9) }, () => {
    const arrivesAt = draws.chance(0.5) ? 0 : draws.integer(0, MAX_ARRIVAL);
    const favourite = favourites[draws.integer(0, favourites.length - 1)] ?? 0;
    return {
      request: candidates[favourite]!,
      numChoices: draws.chance(0.12) ? draws.integer(1, 3) : null,
      arrivesAt,
      abortsAt: draws.chance(0.2) ? arrivesAt + draws.integer(0, 20) : null,
      priority: draws.integer(-2, 2),
      deadlineMs: draws.chance(0.1) ? draws.integer(1, 120) : undefined,
      cacheSalt: draws.chance(0.1) ? 'other' : '',
      resumesAt: null,
      pooling: null,
      maskTurns: 0,
    };
  });
}

/** Mostly little more than the largest request needs, so that sequences are preempted. */
function drawNumBlocks(draws: Draws, entries: readonly ScheduleEntry[], blockSize: number): number {
  const needs = entries.map(({ request }) => ceilDiv(request.promptIds.length + request.sampling.maxTokens, blockSize));
  return Math.max(...needs) + draws.pick([0, 0, 1, 2, 4, 10, 40]);
}
