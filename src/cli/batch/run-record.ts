// The record of a run beside its results: of which input, model and seed they are, so that a run goes on with the same alone.
import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../../util/atomic-write.ts';
import { RoseinferError } from '../../util/errors.ts';
import { isJsonObject } from '../../util/json.ts';
import { quote } from '../../util/quote.ts';

/** Facts on which all results of a file depend. */
export interface RunRecord {
  /** SHA-256 of the input. */
  readonly input: string;
  readonly model: string;
  readonly fingerprint: string;
  readonly seed: number;
  readonly ordered: boolean;
  /** Queue of the workers that answered; null where an engine in the same process did. */
  readonly queue: QueuedRun | null;
}

/** A run in a queue. */
export interface QueuedRun {
  readonly name: string;
  /** Name of the run there, drawn when it began. */
  readonly run: string;
}

/** A run that is another than the one that the results are of. */
export class OtherRunError extends RoseinferError {}

const SCHEMA = 'roseinfer-batch-1';

/** Path of the record of results. */
function recordPath(output: string): string {
  return `${output}.run.json`;
}

/** Reads a record; returns null for one that is missing or can't be read. */
export async function readRecord(output: string): Promise<RunRecord | null> {
  const text = await readFile(recordPath(output), 'utf8').catch(() => '');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isJsonObject(value) || value.schema !== SCHEMA) return null;
  const { input, model, fingerprint, seed, ordered } = value;
  if (typeof input !== 'string' || typeof model !== 'string' || typeof fingerprint !== 'string') return null;
  if (typeof seed !== 'number' || typeof ordered !== 'boolean') return null;
  const queue = value.queue === undefined ? null : readQueue(value.queue);
  return queue === undefined ? null : { input, model, fingerprint, seed, ordered, queue };
}

function readQueue(value: unknown): QueuedRun | null | undefined {
  if (value === null) return null;
  if (!isJsonObject(value) || typeof value.name !== 'string' || typeof value.run !== 'string') return undefined;
  return { name: value.name, run: value.run };
}

/** Writes a record. */
export async function writeRecord(output: string, record: RunRecord): Promise<void> {
  await writeAtomically(recordPath(output), `${JSON.stringify({ schema: SCHEMA, ...record }, null, 2)}\n`);
}

/** A run that goes on; without a seed it takes that of the record. */
export type NextRun = Omit<RunRecord, 'seed' | 'queue'> & {
  readonly seed: number | undefined;
  /** Name of the queue. */
  readonly queue: string | null;
};

/**
 * Refuses to go on with another input or model, or in another way.
 *
 * @throws OtherRunError
 */
export function checkSameRun(output: string, found: RunRecord, now: NextRun): void {
  const of = (thing: string, was: string, mend: string) => {
    return new OtherRunError(
      `--output is ${quote(output)}, the results of ${thing}${was}; expected ${mend}, or --overwrite`,
    );
  };
  if (found.input !== now.input) throw of('another input', '', 'the file as it was');
  const queue = found.queue?.name ?? null;
  if (queue !== now.queue)
    throw of(queue === null ? 'a run without --queue' : `the queue ${quote(queue)}`, '', 'the same');
  if (now.queue !== null && found.fingerprint !== now.fingerprint) {
    throw of(`--fingerprint ${found.fingerprint}`, '', 'the same');
  }
  if (found.model !== now.model) throw of('another model', `, ${quote(found.model)}`, `--model ${found.model}`);
  if (found.fingerprint !== now.fingerprint) {
    throw of(`${quote(found.model)} with other files, storage, adapter or version`, '', 'all as it was');
  }
  if (now.seed !== undefined && found.seed !== now.seed) throw of('another seed', `, ${found.seed}`, 'that one');
  if (found.ordered !== now.ordered) {
    throw of(`a run ${found.ordered ? 'with' : 'without'} --ordered`, '', 'the same');
  }
}
