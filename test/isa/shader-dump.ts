// The text that Mesa's compiler for AMD prints of shaders (`RADV_DEBUG=shaderstats,asm`), taken apart: the statistics and
// the machine code of each, found by marks between them, for the text names no shader.
import { RoseinferError } from '../../src/util/errors.ts';

/** Opens the line that the compiling process prints before it compiles a shader; the shader's label follows. */
export const MARK = '=== shader ';

/** Instructions from one label to the next. */
export interface Block {
  readonly label: string;
  readonly lines: readonly string[];
}

/** Statistics of a shader, as the compiler states them. */
export interface Statistics {
  /** Vector registers of a lane. */
  readonly registers: number;
  /** Registers, vector and scalar, that found no place and live in memory. */
  readonly spilled: number;
  /** Bytes of memory of a wave for spilled registers and indexed arrays. */
  readonly scratch: number;
  /** Bytes of workgroup memory. */
  readonly shared: number;
  /** Waves that a SIMD unit can hold at once. */
  readonly waves: number;
}

/** A shader in the form in which it runs. */
export interface CompiledShader {
  readonly statistics: Statistics;
  readonly blocks: readonly Block[];
}

/** Error of a text that is not what the compiler was known to print. */
export class ShaderDumpError extends RoseinferError {}

/**
 * Takes the shaders out of a text by their labels.
 *
 * @throws ShaderDumpError for a mark that no shader follows, and for one whose statistics lack a line.
 */
export function parseDump(text: string): ReadonlyMap<string, CompiledShader> {
  const parts = text.split(`\n${MARK}`).slice(1);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), parseShader(part)]));
}

/** Returns the label of the shader that was compiled last, or null before the first. */
export function lastLabel(text: string): string | null {
  return text.split(`\n${MARK}`).slice(1).at(-1)?.split('\n', 1)[0] ?? null;
}

function parseShader(part: string): CompiledShader {
  const [code = '', statistics = ''] = part.split('*** SHADER STATS ***');
  const number = (name: string) => {
    const value = new RegExp(`^${name}: (\\d+)$`, 'm').exec(statistics)?.[1];
    if (value === undefined) throw new ShaderDumpError(`${part.split('\n', 1)[0]}: no statistic is named ${name}`);
    return Number(value);
  };
  return {
    statistics: {
      registers: number('VGPRs'),
      spilled: number('Spilled VGPRs') + number('Spilled SGPRs'),
      scratch: number('Scratch size'),
      shared: number('LDS size'),
      waves: number('Subgroups per SIMD'),
    },
    blocks: parseBlocks(code),
  };
}

/** Parses the blocks of machine code, without comments and notes. */
function parseBlocks(code: string): Block[] {
  const blocks: { label: string; lines: string[] }[] = [];
  for (const line of code.split('\n')) {
    const label = /^(BB\d+):/.exec(line)?.[1];
    if (label !== undefined) blocks.push({ label, lines: [] });
    const instruction = /^\s+([a-z][^;]*)/.exec(line)?.[1]?.trim();
    if (instruction !== undefined) blocks.at(-1)?.lines.push(instruction);
  }
  return blocks;
}
