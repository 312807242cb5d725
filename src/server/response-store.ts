// Responses that later calls go on from: bounded in bytes and in age, and known to the key that made them only.
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { Owner } from './access/keys.ts';

/** A response that is kept. */
export interface StoredResponse {
  readonly id: string;
  readonly owner: Owner;
  /** As it was sent. */
  readonly response: object;
  /** The chat up to the answer, and with it. */
  readonly messages: readonly ChatMessage[];
}

/** Bounds of a store. */
export interface StoreBounds {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

interface Entry extends StoredResponse {
  readonly bytes: number;
  readonly expires: number;
}

/** Bytes of a character of a text, and of an id in a list, in memory. */
const BYTES_PER_UNIT = 2;
const BYTES_PER_ID = 8;

/** The latest responses. */
export class ResponseStore {
  readonly #bounds: StoreBounds;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(bounds: StoreBounds, clock: Clock = systemClock) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  /** Bytes of all, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Keeps a response, and lets the oldest go where room is short; one beyond all room is not kept. */
  add(stored: StoredResponse): void {
    this.#expire();
    const bytes = bytesOf(stored);
    if (bytes > this.#bounds.maxBytes) return;
    for (const id of this.#entries.keys()) {
      if (this.#bytes + bytes <= this.#bounds.maxBytes) break;
      this.#remove(id);
    }
    this.#entries.set(stored.id, { ...stored, bytes, expires: this.#clock.now() + this.#bounds.maxAgeMs });
    this.#bytes += bytes;
  }

  /** Finds a response of an owner. */
  get(id: string, owner: Owner): StoredResponse | undefined {
    this.#expire();
    const entry = this.#entries.get(id);
    return entry?.owner === owner ? entry : undefined;
  }

  /** Forgets a response of an owner; returns whether there was one. */
  delete(id: string, owner: Owner): boolean {
    if (this.get(id, owner) === undefined) return false;
    this.#remove(id);
    return true;
  }

  #expire(): void {
    const now = this.#clock.now();
    for (const [id, { expires }] of this.#entries) {
      if (expires > now) return;
      this.#remove(id);
    }
  }

  #remove(id: string): void {
    this.#bytes -= this.#entries.get(id)?.bytes ?? 0;
    this.#entries.delete(id);
  }
}

function bytesOf({ response, messages }: StoredResponse): number {
  const units = messages.reduce(
    (sum, { content, toolCalls }) => sum + content.length + (toolCalls ? JSON.stringify(toolCalls).length : 0),
    JSON.stringify(response).length,
  );
  const numIds = messages.reduce((sum, { ids = [] }) => sum + ids.length, 0);
  return BYTES_PER_UNIT * units + BYTES_PER_ID * numIds;
}
