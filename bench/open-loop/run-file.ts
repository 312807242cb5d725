import { isJsonObject, type JsonObject, type LineFault, readJsonLines } from './json-lines.ts';
import { type LogEntry, type LoggedRequest, type LoggedTurn, RUN_SCHEMA, type RunHeader } from './run-log.ts';

/** A recorded run. */
export interface RecordedRun {
  readonly path: string;
  readonly header: RunHeader;
  /** In the order in which it happened. */
  readonly entries: readonly LogEntry[];
}

/**
 * Reads what `--record` has written. Nobody writes such a file by hand, so the form of its lines is checked and not
 * every value.
 *
 * @throws JsonLinesError naming file and line.
 */
export async function readRun(path: string): Promise<RecordedRun> {
  const headers: RunHeader[] = [];
  const lines = await readJsonLines(path, (object, fault) => {
    if (headers.length > 0) return [parseEntry(object, fault)];
    if (!isHeader(object)) throw fault(`no header of a recorded run, expected schema ${RUN_SCHEMA}`);
    headers.push(object);
    return [];
  });
  const [header] = headers;
  if (header === undefined) throw new Error('a file without lines was read');
  return { path, header, entries: lines.flat() };
}

function parseEntry(object: JsonObject, fault: LineFault): LogEntry {
  if (isTurn(object)) return object;
  const { request } = object;
  if (isRequest(request)) return { request };
  throw fault('neither a turn nor a request, expected what --record writes');
}

function isHeader(value: JsonObject): value is JsonObject & RunHeader {
  return (
    value.schema === RUN_SCHEMA &&
    typeof value.mode === 'string' &&
    typeof value.start === 'number' &&
    isJsonObject(value.limits) &&
    isJsonObject(value.settings)
  );
}

function isTurn(value: JsonObject): value is JsonObject & LoggedTurn {
  const { turn, step } = value;
  if (typeof turn !== 'number') return false;
  if (step === null) return true;
  return isJsonObject(step) && typeof step.finished === 'number' && Array.isArray(step.rows);
}

function isRequest(value: unknown): value is LoggedRequest {
  return isJsonObject(value) && typeof value.requestId === 'string' && Array.isArray(value.promptIds);
}
