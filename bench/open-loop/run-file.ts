// Reader of the file of --record: every field is checked, because a replay believes it.
import type { ModelLimits } from '../../src/core/runner.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import { queuePolicyNames, schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import type { EngineSettings } from '../load/engine-settings.ts';
import { JsonFields } from '../load/json-fields.ts';
import { type JsonObject, type LineFault, readJsonLines } from '../load/json-lines.ts';
import { type LogEntry, type LoggedRequest, RUN_SCHEMA, type RunHeader } from './run-log.ts';

/** Recorded run. */
export interface RecordedRun {
  readonly path: string;
  readonly header: RunHeader;
  /** Requests and turns in their order. */
  readonly entries: readonly LogEntry[];
}

/**
 * Reads the file of `--record`; unknown keys are ignored.
 *
 * @throws JsonLinesError naming file and line, and the signal's reason.
 */
export async function readRun(path: string, signal: AbortSignal): Promise<RecordedRun> {
  const headers: RunHeader[] = [];
  const seen = new Set<string | number>();
  const lines = await readJsonLines(path, signal, (object, fault) => {
    const [header] = headers;
    if (header !== undefined) {
      const entry = parseEntry(object, header, fault);
      if ('request' in entry) checkUnique(seen, entry.request, fault);
      return [entry];
    }
    headers.push(parseHeader(object, fault));
    return [];
  });
  const [header] = headers;
  if (header === undefined) throw new Error('a file without lines was read');
  return { path, header, entries: lines.flat() };
}

function parseHeader(object: JsonObject, fault: LineFault): RunHeader {
  if (object.schema !== RUN_SCHEMA) throw fault(`no header of a recorded run, expected schema ${RUN_SCHEMA}`);
  const fields = new JsonFields(object, '', fault);
  return {
    schema: RUN_SCHEMA,
    mode: fields.choice('mode', schedulerNames),
    limits: parseLimits(fields.object('limits')),
    settings: parseSettings(fields.object('settings')),
    eosIds: fields.integers('eosIds', 0),
    readbackMs: fields.has('readbackMs') ? fields.number('readbackMs') : undefined,
    start: fields.number('start'),
  };
}

function parseLimits(fields: JsonFields): ModelLimits {
  return {
    maxBatchSize: fields.integer('maxBatchSize', 1),
    maxBatchTokens: fields.integer('maxBatchTokens', 1),
    maxModelLen: fields.integer('maxModelLen', 1),
    numBlocks: fields.integer('numBlocks', 1),
    blockSize: fields.integer('blockSize', 1),
    vocabSize: fields.integer('vocabSize', 1),
    ...(fields.has('window') && { window: fields.integer('window', 1) }),
  };
}

/** Reads the settings that are given. */
function parseSettings(fields: JsonFields): EngineSettings {
  const given = <T>(key: keyof EngineSettings, take: (key: string) => T) => (fields.has(key) ? take(key) : undefined);
  return {
    policy: given('policy', (key) => fields.choice(key, queuePolicyNames)),
    prefixCache: given('prefixCache', (key) => fields.boolean(key)),
    maxStepMs: given('maxStepMs', (key) => fields.number(key)),
    maxQueuedRequests: given('maxQueuedRequests', (key) => fields.integer(key, 0)),
    maxQueuedTokens: given('maxQueuedTokens', (key) => fields.integer(key, 0)),
  };
}

function parseEntry(object: JsonObject, { limits }: RunHeader, fault: LineFault): LogEntry {
  const fields = new JsonFields(object, '', fault);
  if (fields.has('request')) return { request: parseRequest(fields.object('request'), limits, fault) };
  if (!fields.has('turn')) throw fault('neither a turn nor a request, expected what --record writes');
  return { turn: fields.number('turn'), step: object.step === null ? null : parseStep(fields.object('step')) };
}

function parseStep(fields: JsonFields): StepRecord {
  return {
    index: fields.integer('index', 0),
    submitted: fields.number('submitted'),
    finished: fields.number('finished'),
    rows: fields.objects('rows').map((row) => ({
      requestId: row.text('requestId'),
      start: row.integer('start', 0),
      numTokens: row.integer('numTokens', 1),
      samples: row.boolean('samples'),
    })),
    admitted: fields.texts('admitted'),
    preempted: fields.texts('preempted'),
    numWaiting: fields.integer('numWaiting', 0),
  };
}

function parseRequest(fields: JsonFields, { maxModelLen, vocabSize }: ModelLimits, fault: LineFault): LoggedRequest {
  const [start, added] = [fields.number('start'), fields.number('added')];
  if (start > added) throw fault(`request.start is ${start}, expected at most ${added}, when it was added`);
  const [promptIds, ids] = [fields.integers('promptIds', 0), fields.integers('ids', 0)];
  const alien = [...promptIds, ...ids].find((id) => id >= vocabSize);
  if (alien !== undefined) throw fault(`an id of request is ${alien}, expected one below ${vocabSize}`);
  const maxTokens = fields.integer('maxTokens', 1);
  const numTokens = promptIds.length + maxTokens;
  if (promptIds.length === 0 || numTokens > maxModelLen) {
    throw fault(`request has a prompt of ${promptIds.length} and ${numTokens} tokens, expected 1 to ${maxModelLen}`);
  }
  return {
    requestId: fields.text('requestId'),
    start,
    added,
    promptIds,
    maxTokens,
    ignoreEos: fields.boolean('ignoreEos'),
    seed: fields.integer('seed', 0),
    priority: fields.has('priority') ? fields.number('priority') : undefined,
    ids,
  };
}

/** Refuses an id or a seed of an earlier request: a replay finds requests by both. */
function checkUnique(seen: Set<string | number>, { requestId, seed }: LoggedRequest, fault: LineFault): void {
  for (const name of [requestId, seed]) {
    if (seen.has(name)) throw fault(`request ${requestId} has the id or the seed of one before it, expected its own`);
    seen.add(name);
  }
}
