// A schedule run by an engine and compared with the solo runs, bit by bit. Differences are collected, not thrown, so
// one run reports them all.
import { Engine } from '../../src/engine/engine.ts';
import { QueueFullError, UnknownRequestError } from '../../src/engine/errors.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import type { FinishedRequest, RequestHandle } from '../../src/engine/request.ts';
import { hashSeed } from '../../src/util/rng.ts';
import { LateMasks } from '../support/engine/late-masks.ts';
import { Draws } from './draws.ts';
import { FuzzRunner, STEP_FAILED } from './fuzz-runner.ts';
import { bytesOf, type FuzzSession, type SoloRun } from './fuzz-session.ts';
import { drawSchedule, isFailing, type Schedule, type ScheduleEntry } from './schedule.ts';
import { differencesOf, isCut, logitDifferences, soloRuns } from './solo-differences.ts';

/** Outcome of a schedule: conditions that it met, and differences from the solo runs of its requests. */
export interface ScheduleReport {
  readonly differences: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

const MAX_TURNS = 5000;

/** Runs the schedule of a seed and compares each request with its solo run: ids, text, log-probabilities of both and logits, bit by bit. */
export async function runSchedule(session: FuzzSession, seed: number): Promise<ScheduleReport> {
  const schedule = drawSchedule(seed, session.model, session.requests);
  const { failures } = schedule;
  const runner = new FuzzRunner(session.runner, schedule.limits, failures, new Draws(hashSeed(5, seed)));
  const solo = await soloRuns(session, schedule.entries);
  const vectors = await soloEmbeddings(session, schedule);
  /** Requests in a step that failed. */
  const concerned = new Set<string>();
  const onStep = ({ index, rows }: StepRecord) => {
    runner.read();
    if (isFailing(failures, index)) for (const { requestId } of rows) concerned.add(requestId);
  };
  await using engine = new Engine({
    runner,
    clock: runner,
    tokenizer: session.tokenizer,
    observers: [{ onStep }],
    ...schedule.options,
  });
  const { handles, numRefused, isOver } = await turnToEnd(engine, runner, schedule, solo);
  // Where a request had no end in time, closing ends it.
  const closed = engine.close();
  runner.release();
  await closed;
  const all = await Promise.all(handles.map(({ finished }) => finished));
  const responses = all.filter(({ requestId }) => !vectors.has(requestId));
  const embedded = all.filter(({ requestId }) => vectors.has(requestId));
  const differences = [
    ...(isOver ? [] : [`no end in ${MAX_TURNS} turns`]),
    ...responses.flatMap((response) => differencesOf(response, solo.get(response.seed))),
    ...embedded.flatMap((response) => vectorDifferences(response, vectors.get(response.requestId)!)),
    ...all.flatMap((response) => concernOf(response, concerned)),
    ...logitDifferences(runner, solo, responses),
  ];
  const counts = countAll(schedule, runner, responses, numRefused);
  return { differences, counts: { ...counts, ...countEmbeddings(runner, embedded) } };
}

/**
 * Checks that a failing step ends its requests and no others; one whose text has ended by then has a wasted row in it.
 */
function concernOf({ requestId, finishReason, error }: FinishedRequest, concerned: ReadonlySet<string>): string[] {
  if (error === STEP_FAILED && !concerned.has(requestId)) return [`request ${requestId} was in no step that failed`];
  const survived = finishReason === 'length' && concerned.has(requestId);
  return survived ? [`request ${requestId} was in a step that failed, and survived`] : [];
}

/** Bytes of embeddings by the requests' ids. */
async function soloEmbeddings(session: FuzzSession, { entries }: Schedule): Promise<ReadonlyMap<string, Buffer>> {
  const vectors = new Map<string, Buffer>();
  for (const [index, { request, pooling }] of entries.entries()) {
    if (pooling !== null) vectors.set(`${index}`, await session.soloEmbedding(request, pooling));
  }
  return vectors;
}

async function turnToEnd(
  engine: Engine,
  runner: FuzzRunner,
  { entries }: Schedule,
  solo: ReadonlyMap<number, SoloRun>,
) {
  const handles: RequestHandle[] = [];
  const masks = new LateMasks();
  let numRefused = 0;
  const lastArrival = Math.max(...entries.map(({ arrivesAt }) => arrivesAt));
  for (let turn = 0; turn <= lastArrival || engine.hasUnfinished; turn++) {
    if (turn > MAX_TURNS) return { handles, numRefused, isOver: false };
    await masks.startTurn(turn);
    for (const [index, entry] of entries.entries()) {
      if (entry.arrivesAt === turn) {
        const added = add({ engine, masks, solo }, entry, index);
        if (added === null) numRefused++;
        else handles.push(...added);
      }
      if (entry.abortsAt === turn) abortIfLive(engine, entry.numChoices === null ? `${index}` : `${index}-0`);
    }
    const numSubmitted = runner.plans.length;
    const turned = engine.step();
    const isIdle = runner.plans.length === numSubmitted;
    if (isIdle) runner.wait(1);
    await runner.serve(turned);
  }
  return { handles, numRefused, isOver: true };
}

/** The handles of an entry's requests; null when the queue is full. */
function add(
  { engine, masks, solo }: { engine: Engine; masks: LateMasks; solo: ReadonlyMap<number, SoloRun> },
  entry: ScheduleEntry,
  index: number,
): RequestHandle[] | null {
  const { request, numChoices, priority, deadlineMs, cacheSalt, resumesAt, pooling, maskTurns } = entry;
  // The last id may have ended it.
  const { ids = [] } = solo.get(request.sampling.seed)?.response ?? {};
  const resume = resumesAt === null ? undefined : { ids: ids.slice(0, Math.floor(resumesAt * ids.length)) };
  const common = { requestId: `${index}`, priority, deadlineMs, cacheSalt, timeline: true };
  const constraint = request.constraint && masks.late(request.constraint, maskTurns);
  const whole = { ...request, ...common, resume, constraint };
  try {
    if (pooling !== null) return [engine.addEmbedding({ promptIds: request.promptIds, pooling, ...common })];
    return numChoices === null ? [engine.addRequest(whole)] : engine.addChoices(whole, numChoices);
  } catch (error) {
    if (error instanceof QueueFullError) return null;
    throw error;
  }
}

function abortIfLive(engine: Engine, requestId: string): void {
  try {
    engine.abort(requestId);
  } catch (error) {
    if (!(error instanceof UnknownRequestError)) throw error;
  }
}

/** Describes how an embedding differs from that of a solo run; one that was cut has none. */
function vectorDifferences(response: FinishedRequest, alone: Buffer): string[] {
  const { requestId, finishReason, embedding } = response;
  if (isCut(response)) return embedding === null ? [] : [`request ${requestId} was cut and has an embedding`];
  if (finishReason !== 'stop') return [`embedding ${requestId} ended by ${finishReason}: ${response.error}`];
  return bytesOf(embedding).equals(alone) ? [] : [`embedding ${requestId} differs in a bit`];
}

function countEmbeddings({ plans }: FuzzRunner, embedded: readonly FinishedRequest[]): Record<string, number> {
  const pooled = plans.flatMap((plan) => plan.pooled ?? []);
  return {
    embeddings: embedded.filter((response) => !isCut(response)).length,
    'embeddings preempted': embedded.filter(({ preemptions }) => preemptions > 0).length,
    'sums that went on': pooled.filter(({ isContinued }) => isContinued).length,
    'steps that pool and sample': plans.filter((plan) => plan.pooled && plan.samplingRows.length > 0).length,
  };
}

function countAll(
  schedule: Schedule,
  { plans, logits, numAhead }: FuzzRunner,
  responses: readonly FinishedRequest[],
  numRefused: number,
): Record<string, number> {
  const survivors = responses.filter((response) => !isCut(response));
  const isHit = responses.some(({ error }) => error === STEP_FAILED);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const lengths = survivors.map(({ promptTokens, ids }) => promptTokens + ids.length);
  return {
    schedules: 1,
    overlapped: schedule.options.overlap ? 1 : 0,
    steps: plans.length,
    'steps after two unread': numAhead,
    'steps of chunks and decodes': plans.filter((plan) => plan.numDecodeTokens % plan.numTokens !== 0).length,
    rows: logits.length,
    survivors: survivors.length,
    aborted: responses.filter(({ finishReason }) => finishReason === 'abort').length,
    'steps that failed': plans.filter((_, step) => isFailing(schedule.failures, step)).length,
    'for ever': schedule.failures?.length === Number.POSITIVE_INFINITY ? 1 : 0,
    'survivors of failures': isHit ? survivors.length : 0,
    failed: responses.filter(({ error }) => error === STEP_FAILED).length,
    refused: numRefused,
    choices: responses.filter(({ requestId }) => requestId.includes('-')).length,
    preemptions: sum(responses.map(({ preemptions }) => preemptions)),
    recomputedTokens: sum(responses.map(({ recomputedTokens }) => recomputedTokens)),
    cachedTokens: sum(responses.map(({ cachedTokens }) => cachedTokens)),
    'adjusted rows': plans.flatMap(({ samplingRows }) => samplingRows).filter(({ adjustment }) => adjustment).length,
    'masked rows': plans.flatMap(({ samplingRows }) => samplingRows).filter(({ mask }) => mask).length,
    'steps of masked and free rows': plans.filter(
      ({ samplingRows }) => new Set(samplingRows.map(({ mask }) => mask === undefined)).size === 2,
    ).length,
    'with logprobs': survivors.filter(({ logprobs }) => logprobs !== null).length,
    resumed: survivors.filter(({ resumedTokens }) => resumedTokens > 0).length,
    'with prompt logprobs': survivors.filter(({ promptLogprobs }) => promptLogprobs !== null).length,
    'scores computed': sum(plans.map(({ scored }) => scored?.rows.length ?? 0)),
    'beyond 256': lengths.filter((length) => length > 256).length,
    'beyond 512': lengths.filter((length) => length > 512).length,
  };
}
