// A model as a server has it: what answers, and what the server says of it. It holds no path.
import type { Runner } from '../core/runner.ts';
import type { ChatFormat } from '../engine/chat.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** A model that is served. */
export interface ServedModel {
  /** Name that callers give and see. */
  readonly name: string;
  /** Stays the caller's. */
  readonly runner: Runner;
  readonly tokenizer: Tokenizer;
  /** C, elements of an embedding. */
  readonly embeddingSize: number;
  /** Undefined for a model without a template, whose chats are written by roles. */
  readonly chat?: ChatFormat | undefined;
  /** Names all that decides which ids a seed gives. */
  readonly fingerprint: string;
  /** Facts for `/server_info`, such as storage and adapter. */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
}
