// The shaders and dispatches of a model on an adapter: sent by the process that compiles to the one that counts.
import type { Launch } from '../../bench/estimate/launches.ts';

/** A shader that some step of the model can take. */
export interface TakenShader {
  /** Kernel and variant. */
  readonly label: string;
  readonly kernel: string;
  /** Its places in the model, such as `LM head`; empty for a kernel that has one alone. */
  readonly uses: readonly string[];
}

/** Sequences that each decode a token, and the tokens that each attends to, its own included. */
export interface DecodeSize {
  readonly batch: number;
  readonly context: number;
}

/** A decode step. */
export interface LaunchedStep extends DecodeSize {
  readonly launches: readonly Launch[];
}

/** All that a model launches on an adapter. */
export interface ModelLaunches {
  readonly adapter: string;
  readonly driver: string;
  readonly shaders: readonly TakenShader[];
  readonly steps: readonly LaunchedStep[];
}

/** Message of the compiling process: its result, or the error that it ended with. */
export type CompilerMessage = ModelLaunches | { readonly error: string };

/** Decode steps that are counted. */
export const DECODE_SIZES: readonly DecodeSize[] = [
  { batch: 1, context: 64 },
  { batch: 8, context: 64 },
  { batch: 1, context: 1000 },
  { batch: 8, context: 1000 },
];
