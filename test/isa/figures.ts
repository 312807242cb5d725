// The figures of a compiled model: of each shader, and of each dispatch of a decode step.
import type { Launch } from '../../bench/estimate/launches.ts';
import { type Waits, waitsOf } from '../../bench/estimate/loop-work.ts';
import type { LaunchedStep, TakenShader } from './launches.ts';
import { type Loop, loopsOf, memoryOf } from './loops.ts';
import { type Rounding, roundingOf } from './multiply-adds.ts';
import type { CompiledModel } from './run-family.ts';
import type { Statistics } from './shader-dump.ts';

/** A shader and its innermost loops that load from memory. */
export interface ShaderFigures extends TakenShader, Statistics {
  readonly loops: readonly Loop[];
  /** Rounding of the multiply-adds in all loops: those of a matmul may be in a loop that loads from workgroup memory alone. */
  readonly rounding: Rounding | null;
}

/** A dispatch of a step and its waits for memory. */
export interface LaunchFigures extends Launch {
  readonly waits: Waits;
}

/** A decode step; its dispatches follow one another, and so do their waits. */
export interface StepFigures extends LaunchedStep {
  readonly launches: readonly LaunchFigures[];
  readonly waits: number;
}

/** All figures of a model on a family. */
export interface ModelFigures extends Pick<CompiledModel, 'family' | 'adapter' | 'driver'> {
  readonly shaders: readonly ShaderFigures[];
  readonly steps: readonly StepFigures[];
}

/** Takes the figures of a compiled model. @throws UnknownLoopsError, as `waitsOf`. */
export function figuresOf({ family, adapter, driver, shaders, steps, compiled }: CompiledModel): ModelFigures {
  const shaderOf = (label: string) => compiled.get(label)!;
  return {
    family,
    adapter,
    driver,
    shaders: shaders.map((taken) => {
      const { statistics, blocks } = shaderOf(taken.label);
      const all = loopsOf(blocks);
      const loops = all.filter(({ isInnermost, memory }) => isInnermost && memory.words > 0);
      return {
        ...taken,
        ...statistics,
        loops,

        rounding: roundingOf(all.flatMap(({ lines }) => lines)),
      };
    }),
    steps: steps.map((step) => {
      const launches = step.launches.map((launch) => ({
        ...launch,
        waits: waitsOf(launch, memoryOf(shaderOf(launch.label).blocks), step.context),
      }));
      return { ...step, launches, waits: launches.reduce((sum, { waits }) => sum + waits.total, 0) };
    }),
  };
}

/** Finds the loop that loads the most words in a turn, or null where none loads. */
export function mainLoop({ loops }: Pick<ShaderFigures, 'loops'>): Loop | null {
  return loops.reduce<Loop | null>((most, loop) => {
    return most !== null && most.memory.words >= loop.memory.words ? most : loop;
  }, null);
}
