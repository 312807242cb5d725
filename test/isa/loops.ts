// The loops of machine code, and how their instructions wait for memory: a wave that waits for each load before it issues
// the next spends the memory's latency once a load.
import type { MemoryUse, ShaderMemory } from '../../bench/estimate/shader-memory.ts';
import type { Block } from './shader-dump.ts';

/** A loop, from the block that is jumped back to, to the last that jumps there. */
export interface Loop {
  readonly label: string;
  readonly isInnermost: boolean;
  /** Lines of all its blocks. */
  readonly lines: readonly string[];
  /** Use of memory by the lines that are in no loop inside it. */
  readonly memory: MemoryUse;
}

const LOAD = /^(?:buffer|global|flat)_load_(\w+)/;
const WIDTHS: Readonly<Record<string, number>> = {
  b64: 2,
  b96: 3,
  b128: 4,
  dwordx2: 2,
  dwordx3: 3,
  dwordx4: 4,
};

/** Counts loads and waits. Loads of scalars by the scalar unit are no part of it. */
export function memoryUse(lines: readonly string[]): MemoryUse {
  let [waits, inFlight, words, underWay] = [0, 0, 0, 0];
  let isIssuing = false;
  for (const line of lines) {
    const type = LOAD.exec(line)?.[1];
    if (type !== undefined) {
      underWay++;
      isIssuing = true;
      inFlight = Math.max(inFlight, underWay);
      words += WIDTHS[type] ?? 1;
    }
    const left = /vmcnt\((\d+)\)/.exec(line)?.[1];
    if (left === undefined || Number(left) >= underWay) continue;
    underWay = Number(left);
    if (isIssuing) waits++;
    isIssuing = false;
  }
  // Code that follows waits for the last loads.
  if (isIssuing) waits++;
  return { waits, inFlight, words };
}

/** Finds the loops of a shader, in the order of their first blocks. */
export function loopsOf(blocks: readonly Block[]): Loop[] {
  const ranges = rangesOf(blocks);
  return ranges.map(({ first, last }): Loop => {
    const inner = ranges.filter((each) => each.first > first && each.last <= last);
    return {
      label: blocks[first]!.label,
      isInnermost: inner.length === 0,
      lines: linesOf(blocks.slice(first, last + 1)),
      memory: memoryUse(linesOf(outside(blocks.slice(0, last + 1), inner).slice(first))),
    };
  });
}

/** Counts the use of memory by a shader. */
export function memoryOf(blocks: readonly Block[]): ShaderMemory {
  return {
    outside: memoryUse(linesOf(outside(blocks, rangesOf(blocks)))),
    loops: loopsOf(blocks).flatMap(({ memory }) => (memory.waits > 0 ? [memory] : [])),
  };
}

/** Indices of the first and last block of a loop. */
interface Range {
  readonly first: number;
  readonly last: number;
}

function rangesOf(blocks: readonly Block[]): Range[] {
  const indices = new Map(blocks.map(({ label }, index) => [label, index]));
  const lasts = new Map<number, number>();
  for (const [last, { lines }] of blocks.entries()) {
    for (const line of lines) {
      const target = indices.get(/^s_c?branch\S*\s+(BB\d+)/.exec(line)?.[1] ?? '');
      if (target !== undefined && target <= last) lasts.set(target, last);
    }
  }
  return [...lasts].map(([first, last]) => ({ first, last })).sort((a, b) => a.first - b.first);
}

/** Empties the blocks of some loops: the others keep their places. */
function outside(blocks: readonly Block[], loops: readonly Range[]): Block[] {
  return blocks.map((block, index) =>
    loops.some(({ first, last }) => index >= first && index <= last) ? { ...block, lines: [] } : block,
  );
}

const linesOf = (blocks: readonly Block[]) => blocks.flatMap(({ lines }) => lines);
