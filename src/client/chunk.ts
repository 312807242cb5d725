// Chunks of a stream as `roseinfer serve` writes them. They come from elsewhere, so their fields are checked before anything reads them.
import { isJsonObject, type JsonObject } from '../util/json.ts';

/** Choice of a chunk: `text` of completions, `delta` of chats. */
export interface ChunkChoice {
  readonly index: number;
  readonly text?: string;
  readonly delta?: { readonly role?: string; readonly content?: string };
  readonly logprobs?: unknown;
  /** Null until the last chunk of the choice. */
  readonly finish_reason: string | null;
  readonly stop_reason?: string | number | null;
  readonly token_ids?: readonly number[];
  readonly prompt_token_ids?: readonly number[];
  readonly timeline?: unknown;
}

/** Chunk of a stream. */
export interface StreamChunk {
  readonly id: string;
  readonly object: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
  /** In the first chunk alone. */
  readonly seed?: number;
  /** None beside the usage at the end. */
  readonly choices: readonly ChunkChoice[];
  readonly usage?: unknown;
}

/** Tells whether an object has the fields of a chunk. */
export function isChunk(value: object): value is StreamChunk {
  const { id, created, system_fingerprint: fingerprint, choices }: JsonObject = { ...value };
  const isNamed = typeof id === 'string' && typeof created === 'number' && typeof fingerprint === 'string';
  return isNamed && Array.isArray(choices) && choices.every(isChoice);
}

function isChoice(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const { finish_reason: reason, token_ids: ids = [] } = value;
  return (reason === null || typeof reason === 'string') && Array.isArray(ids) && ids.every(Number.isSafeInteger);
}
