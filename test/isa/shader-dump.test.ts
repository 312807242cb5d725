// The parser of what the driver prints, on excerpts of it.
import { expect, test } from 'vitest';
import { DUMP, FOLD } from './excerpts.ts';
import { lastLabel, MARK, parseDump, ShaderDumpError } from './shader-dump.ts';

test('each shader is found by its mark, with its own statistics', () => {
  const shaders = parseDump(DUMP);
  expect([...shaders.keys()]).toEqual(['attention_fold[LANES=32]', 'attention_split[SPLIT D=64]', 'matmul[ROWS=8]']);
  // Registers that are spilled are vector and scalar ones; those before scheduling are no registers of the shader.
  const common = { spilled: 37, scratch: 8960, shared: 0, waves: 5 };
  expect([...shaders.values()].map(({ statistics }) => statistics)).toEqual([
    { ...common, registers: 12 },
    { ...common, registers: 36 },
    { ...common, registers: 48 },
  ]);
});

test('machine code is taken block by block, without encodings and notes', () => {
  const { blocks } = parseDump(DUMP).get('attention_fold[LANES=32]')!;
  expect(blocks.map(({ label }) => label)).toEqual(['BB0', 'BB1', 'BB2', 'BB5', 'BB6', 'BB11']);
  expect(blocks[0]!.lines).toEqual(['v_lshl_add_u32 v0, s6, 5, v0', 's_cbranch_execz BB11']);
  expect(blocks[1]!.lines.at(-1)).toBe('s_nop 0');
});

test('a shader without a statistic is refused by its label and the name of the line', () => {
  const dump = `\n${MARK}matmul[ROWS=1]\n${FOLD.replace('LDS size', 'LDS')}`;
  expect(() => parseDump(dump)).toThrow(new ShaderDumpError('matmul[ROWS=1]: no statistic is named LDS size'));
  expect(() => parseDump(`\n${MARK}matmul[ROWS=1]\n`)).toThrow(ShaderDumpError);
});

test('the label of the shader at which a run ended is the last', () => {
  expect(lastLabel(DUMP)).toBe('matmul[ROWS=8]');
  expect(lastLabel('DRM_IOCTL_GET_CAP: unhandled 0x10\n')).toBeNull();
});
