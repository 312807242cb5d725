import { type JsonObject, type LineFault, readJsonLines, shorten } from './json-lines.ts';

/** One request of a trace. */
export interface TraceEntry {
  /** Milliseconds from the start of the run to its arrival. */
  readonly timestampMs: number;
  /** The prompt's text, or its length in tokens; one of the two. */
  readonly prompt?: string;
  readonly inputLength?: number;
  /** Tokens to generate. */
  readonly outputLength: number;
  readonly priority?: number;
}

/**
 * Reads a trace of requests: JSON objects, one a line, with `timestamp_ms`, `output_length`, `input_length` or `prompt`,
 * and perhaps `priority`. Other keys and empty lines are skipped. Returns the entries in order of arrival.
 *
 * @throws JsonLinesError naming file and line.
 */
export async function readDataset(path: string): Promise<TraceEntry[]> {
  const entries = await readJsonLines(path, parseEntry);
  return entries.sort((a, b) => a.timestampMs - b.timestampMs);
}

function parseEntry(entry: JsonObject, fault: LineFault): TraceEntry {
  const { timestamp_ms: timestampMs, input_length: inputLength, output_length: outputLength, prompt, priority } = entry;
  const refuse = (key: string, expected: string) =>
    fault(
      `${key} is ${entry[key] === undefined ? 'missing' : shorten(JSON.stringify(entry[key]))}, expected ${expected}`,
    );

  if (!isNumber(timestampMs) || timestampMs < 0) throw refuse('timestamp_ms', 'a number ≥ 0');
  if (!isLength(outputLength)) throw refuse('output_length', 'an integer ≥ 1');
  if (priority !== undefined && !isNumber(priority)) throw refuse('priority', 'a number');
  const common = { timestampMs, outputLength, ...(priority !== undefined && { priority }) };
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
