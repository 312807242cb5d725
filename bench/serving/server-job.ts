// Messages between the benchmark of HTTP and the process with its server.
import type { LoadModelOptions } from '../../src/runtime/load-options.ts';

/** Model to serve: one that is loaded, or null for steps that take some milliseconds and compute nothing. */
export interface ServerJob {
  readonly model: { readonly name: string | undefined; readonly options: StorageOptions } | null;
  /** Most sequences in a step. */
  readonly maxBatchSize: number;
}

/** Storage and device of a model. */
export type StorageOptions = Pick<LoadModelOptions, 'dtype' | 'kvDtype' | 'adapter' | 'reduction' | 'tune'>;

/** Requests that are there at once, each a prompt in ids, and tokens to generate for each. */
export interface RequestBatch {
  readonly prompts: readonly (readonly number[])[];
  readonly maxTokens: number;
}

/** Run of requests on the engine alone, in milliseconds. */
export interface EngineRun {
  readonly elapsed: number;
  readonly ttfts: readonly number[];
}

/** Server that has started. */
export interface StartedServer {
  readonly url: string;
  /** Storage of the weights; null for steps that compute nothing. */
  readonly dtype: string | null;
  readonly vocabSize: number;
}

/** Order to the process; each is answered before the next is sent. */
export type Order =
  | { readonly kind: 'start'; readonly job: ServerJob }
  | { readonly kind: 'run'; readonly batch: RequestBatch }
  /** Asks for the processor time of all threads so far, in milliseconds. */
  | { readonly kind: 'processor' };

/** Answer to an order. */
export type Reply =
  | { readonly kind: 'start'; readonly server: StartedServer }
  | { readonly kind: 'run'; readonly run: EngineRun }
  | { readonly kind: 'processor'; readonly milliseconds: number }
  | { readonly kind: 'fault'; readonly message: string };
