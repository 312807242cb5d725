// Dataset of --dataset: recorded requests in JSON lines, with the names of published datasets.
import { RoseinferError } from '../../src/util/errors.ts';
import { checkKeys } from '../../src/util/keys.ts';
import { quote } from '../../src/util/quote.ts';
import { JsonLinesError, type JsonObject, type LineFault, type LinePlace, readJsonLines } from './json-lines.ts';

/** Request of a dataset. */
export interface DatasetEntry {
  /** Line of the file. */
  readonly place: LinePlace;
  /** Milliseconds from the arrival of the first entry to its own. */
  readonly timestampMs: number;
  /** Text of the prompt, unless `inputLength` is given. */
  readonly prompt?: string;
  /** Tokens of a random prompt. */
  readonly inputLength?: number;
  /** Tokens to generate. */
  readonly outputLength: number;
  readonly priority?: number;
}

/** Keys of a line. `hash_ids`, by which published datasets mark common prefixes, is accepted and ignored. */
const KEYS = {
  timestamp_ms: true,
  input_length: true,
  output_length: true,
  prompt: true,
  priority: true,
  hash_ids: true,
} as const;

/**
 * Reads a dataset: JSON objects, one a line, with `timestamp_ms`, `output_length`, `input_length` or `prompt`, and
 * optionally `priority`. Returns the requests in order of arrival, with times from the first one on.
 *
 * @throws JsonLinesError naming file and line, and the signal's reason.
 */
export async function readDataset(path: string, signal: AbortSignal): Promise<DatasetEntry[]> {
  const entries = await readJsonLines(path, signal, parseEntry);
  entries.sort((a, b) => a.timestampMs - b.timestampMs);
  const start = entries[0]?.timestampMs ?? 0;
  return entries.map((entry) => ({ ...entry, timestampMs: entry.timestampMs - start }));
}

/** Makes a function that names the line of the dataset, if any, in an error about the request with an index. */
export function explainBy(dataset: readonly DatasetEntry[] | null) {
  return (error: unknown, index: number): unknown => {
    const place = dataset?.[index]?.place;
    if (place === undefined || !(error instanceof RoseinferError)) return error;
    const problem = error.message.replace(/^maxTokens\b/, 'output_length'); // what the line calls it
    return new JsonLinesError(place.path, place.line, problem, { cause: error });
  };
}

function parseEntry(entry: JsonObject, fault: LineFault, place: LinePlace): DatasetEntry {
  const refuse = (key: keyof typeof KEYS, expected: string) => {
    const found = entry[key] === undefined ? 'missing' : quote(entry[key]);
    return fault(`${key} is ${found}, expected ${expected}`);
  };
  try {
    checkKeys('request', entry, KEYS);
  } catch (error) {
    throw error instanceof RoseinferError ? fault(error.message, { cause: error }) : error;
  }

  const { timestamp_ms: timestampMs, input_length: inputLength, output_length: outputLength, prompt, priority } = entry;
  if (!isNumber(timestampMs) || timestampMs < 0) throw refuse('timestamp_ms', 'a number ≥ 0');
  if (!isLength(outputLength)) throw refuse('output_length', 'an integer ≥ 1');
  if (priority !== undefined && !isNumber(priority)) throw refuse('priority', 'a number');
  const common = { place, timestampMs, outputLength, ...(priority !== undefined && { priority }) };
  if (prompt === undefined) {
    if (!isLength(inputLength)) throw refuse('input_length', 'an integer ≥ 1, or a prompt instead');
    return { ...common, inputLength };
  }
  if (typeof prompt !== 'string') throw refuse('prompt', 'text');
  if (inputLength !== undefined) throw refuse('input_length', 'none beside a prompt');
  return { ...common, prompt };
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isLength(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}
