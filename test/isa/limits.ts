// The figures that test:isa limits, of each kernel and each decode step, and how they compare with their limits.
import { type ModelFigures, mainLoop } from './figures.ts';
import type { DecodeSize } from './launches.ts';

/** Figures that are limited, and which side of its limit is worse. */
const WORSE = {
  registers: 'more',
  spilled: 'more',
  scratch: 'more',
  shared: 'more',
  waves: 'less',
  inFlight: 'less',
  lanes: 'less',
  waits: 'more',
  dispatches: 'more',
} as const;

/** Name of a limited figure. */
export type FigureName = keyof typeof WORSE;

/** Names of the limited figures, in the order of their columns. */
export const FIGURE_NAMES: readonly FigureName[] = Object.keys(WORSE).filter(
  (name): name is FigureName => name in WORSE,
);

/** Figures of a kernel, or of a decode step. */
export type LimitedFigures = { readonly [Name in FigureName]?: number };

/** Figures of a family by kernel or decode step. */
export type FamilyLimits = Readonly<Record<string, LimitedFigures>>;

/** Names a decode step in limits and tables. */
export function stepName({ batch, context }: DecodeSize): string {
  return `batch ${batch}, context ${context}`;
}

/**
 * Takes the limited figures of a model: of each kernel the worst of its shaders and of its dispatches in decode steps, then
 * of each decode step.
 */
export function limitedFigures({ shaders, steps }: ModelFigures): FamilyLimits {
  const figures: Record<string, LimitedFigures> = {};
  for (const [kernel, variants] of Map.groupBy(shaders, (shader) => shader.kernel)) {
    const ofShaders = variants.map((shader): LimitedFigures => {
      const { registers, spilled, scratch, shared, waves } = shader;
      const loop = mainLoop(shader);
      return { registers, spilled, scratch, shared, waves, ...(loop && { inFlight: loop.memory.inFlight }) };
    });
    const launches = steps.flatMap((step) => step.launches.filter((launch) => launch.kernel === kernel));
    const ofLaunches = launches.map(({ workgroups, lanes, waits }) => ({
      lanes: workgroups * lanes,
      waits: waits.total,
    }));
    figures[kernel] = worstOf([...ofShaders, ...ofLaunches]);
  }
  for (const step of steps) figures[stepName(step)] = { waits: step.waits, dispatches: step.launches.length };
  return figures;
}

function worstOf(all: readonly LimitedFigures[]): LimitedFigures {
  return Object.fromEntries(
    FIGURE_NAMES.flatMap((name) => {
      const values = all.flatMap((each) => each[name] ?? []);
      if (values.length === 0) return [];
      return [[name, WORSE[name] === 'more' ? Math.max(...values) : Math.min(...values)]];
    }),
  );
}

/** Lists a line for each figure that is worse than its limit or has none, and for each limit without a figure. */
export function compareLimits(family: string, figures: FamilyLimits, limits: FamilyLimits): string[] {
  const faults: string[] = [];
  for (const subject of new Set([...Object.keys(figures), ...Object.keys(limits)])) {
    const [found, limit] = [figures[subject], limits[subject]];
    for (const name of FIGURE_NAMES) {
      const [value, bound] = [found?.[name], limit?.[name]];
      const fault = faultOf(name, value, bound);
      if (fault !== null) faults.push(`${family}, ${subject}: ${fault}`);
    }
  }
  return faults;
}

function faultOf(name: FigureName, value: number | undefined, limit: number | undefined): string | null {
  if (value === undefined) return limit === undefined ? null : `no ${name} any more, the limit is ${limit}`;
  if (limit === undefined) return `${name} ${value} has no limit`;
  const isWorse = WORSE[name] === 'more' ? value > limit : value < limit;
  return isWorse ? `${name} ${value}, the limit is ${limit}` : null;
}
