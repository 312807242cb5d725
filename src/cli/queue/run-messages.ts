// The messages of a run in its queue: which of its lines have a job or a result there, and their end.
import type { QueueConnection } from './queue-connection.ts';

/** Messages of a run. */
export class RunMessages {
  /** Subjects of its results. */
  readonly results: string;
  readonly #jobs: string;
  readonly #queue: QueueConnection;

  /** @param run its name. */
  constructor(queue: QueueConnection, run: string) {
    this.#queue = queue;
    this.#jobs = queue.subjects.jobsOf(run);
    this.results = queue.subjects.resultsOf(run);
  }

  /** Lines whose job waits for a worker, or is with one. */
  async linesWithJob(): Promise<ReadonlySet<number>> {
    return await this.#linesIn(this.#queue.subjects.jobStream, this.#jobs);
  }

  /** Lines whose result has not been taken away. */
  async linesWithResult(): Promise<ReadonlySet<number>> {
    return await this.#linesIn(this.#queue.subjects.resultStream, this.results);
  }

  /** Takes results away, up to the message `last` of the stream. */
  async dropResults(last: number): Promise<void> {
    const { manager, subjects } = this.#queue;
    await manager.streams.purge(subjects.resultStream, { filter: this.results, seq: last + 1 });
  }

  /** Takes everything away. */
  async drop(): Promise<void> {
    const { manager, subjects } = this.#queue;
    await manager.streams.purge(subjects.jobStream, { filter: this.#jobs });
    await manager.streams.purge(subjects.resultStream, { filter: this.results });
  }

  async #linesIn(stream: string, filter: string): Promise<ReadonlySet<number>> {
    const { manager, subjects } = this.#queue;
    const { state } = await manager.streams.info(stream, { subjects_filter: filter });
    const places = Object.keys(state.subjects ?? {}).map((subject) => subjects.placeOf(subject));
    return new Set(places.flatMap((place) => (place === null ? [] : [place.line])));
  }
}
