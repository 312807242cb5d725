// Messages between a compiler of grammars and the thread in which xgrammar runs. Each is answered once, in order.
import type { Refusal } from './errors.ts';
import type { StructuredOutput } from './structured-output.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Data that a thread starts with. */
export interface ThreadData {
  readonly vocabulary: Vocabulary;
  /** Number of the last message that was answered. */
  readonly progress: Int32Array<SharedArrayBuffer>;
  /** Bytes that xgrammar may take. */
  readonly maxBytes: number;
}

/** Work for the thread; `text` is that of a grammar. */
export type Work =
  | { readonly kind: 'read'; readonly reading: number; readonly output: StructuredOutput }
  | { readonly kind: 'compile'; readonly grammar: number; readonly text: string }
  | { readonly kind: 'drop'; readonly grammar: number }
  | {
      readonly kind: 'start';
      readonly matcher: number;
      readonly grammar: number;
      readonly ids: readonly number[];
      readonly mask: Int32Array<SharedArrayBuffer>;
    }
  | { readonly kind: 'accept'; readonly matcher: number; readonly id: number; readonly numIds: number }
  | { readonly kind: 'end'; readonly matcher: number };

/** A message to the thread. */
export interface ToThread {
  readonly number: number;
  readonly work: Work;
}

/** An answer. */
export interface FromThread {
  readonly number: number;
  /** Bytes that xgrammar has taken. */
  readonly numBytes: number;
  /** Message of an error that the library threw: it can't be trusted any more. */
  readonly trap?: string;
  /** An id that the grammar does not allow. */
  readonly refusedId?: number;
  /** Text of the grammar of an output that was read. */
  readonly text?: string;
  /** Milliseconds that reading took, of the time that a compilation has. */
  readonly readMs?: number;
  /** Why an output can't be kept, or a grammar was given up. */
  readonly refusal?: Refusal;
}
