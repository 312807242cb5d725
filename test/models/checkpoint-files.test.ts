// The files of a checkpoint: one model.safetensors or the shards of an index, each opened only where the index says so,
// and none left open by a refusal.
import { copyFileSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SafetensorsError } from '../../src/formats/safetensors-header.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { errorOf } from '../support/error-of.ts';
import { head, model, modelDirectory, modelTensors, refusal, WTE } from '../support/models/checkpoint-directory.ts';
import { encodeSafetensors, f32 } from '../support/models/safetensors-bytes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('a directory without weights', () => {
  test('is refused with what was expected', async () => {
    expect(await refusal(temporaryDirectory())).toBe(
      'DIR: weights file is missing, expected model.safetensors or model.safetensors.index.json',
    );
  });

  test('is refused with a pointer to its README when it has one', async () => {
    const dir = temporaryDirectory();
    writeFileSync(join(dir, 'README.md'), '');
    expect(await refusal(dir)).toContain('DIR/README.md says how to get them');
  });

  test('that does not exist is refused too', async () => {
    expect(await errorOf(() => openCheckpoint('weights/none', model))).toHaveProperty('path', 'weights/none');
  });

  test('whose file is truncated is refused with the tensor', async () => {
    const dir = modelDirectory(modelTensors());
    const path = join(dir, 'model.safetensors');
    writeFileSync(path, readFileSync(path).subarray(0, -1));
    const error = await errorOf(() => openCheckpoint(dir, model));
    expect(error).toBeInstanceOf(SafetensorsError);
    expect(error).toHaveProperty('tensor', 'h.0.mlp.c_proj.bias');
  });
});

describe('shards', () => {
  /** Two shards, wte.weight in the first and all else in the second; `edit` changes the index. */
  function shardedDirectory(edit: (weightMap: Record<string, unknown>) => void = () => {}): string {
    const dir = temporaryDirectory();
    const first = new Map([['wte.weight', head(...WTE)]]);
    const second = modelTensors();
    second.delete('wte.weight');
    writeFileSync(join(dir, '1.safetensors'), encodeSafetensors(first));
    writeFileSync(join(dir, '2.safetensors'), encodeSafetensors(second));
    const weightMap: Record<string, unknown> = { 'wte.weight': '1.safetensors' };
    for (const name of second.keys()) weightMap[name] = '2.safetensors';
    edit(weightMap);
    writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: weightMap }));
    return dir;
  }

  test('may be symbolic links', async () => {
    const dir = shardedDirectory();
    const link = temporaryDirectory();
    copyFileSync(join(dir, 'model.safetensors.index.json'), join(link, 'model.safetensors.index.json'));
    for (const name of ['1.safetensors', '2.safetensors']) symlinkSync(join(dir, name), join(link, name));
    await using checkpoint = await openCheckpoint(link, model);
    expect(checkpoint.tiedHead).toBe(true);
  });

  test('are left alone when there is a model.safetensors', async () => {
    const dir = shardedDirectory((map) => Object.assign(map, { 'wte.weight': 'none.safetensors' }));
    const tensors = modelTensors().set('wte.weight', head(...WTE.map((x) => -x)));
    writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(tensors));
    await using checkpoint = await openCheckpoint(dir, model);
    const row = new Float32Array(2);
    await checkpoint.readRows('wte.weight', 0, 1, row);
    expect([...row]).toEqual([-1, -2]);
  });

  test.each([
    '../1.safetensors',
    '/1.safetensors',
    'a/1.safetensors',
    'a\\1.safetensors',
    '..',
    '.',
    '',
    'a\0b',
    1,
    null,
  ])('must be bare file names: %j', async (shard) => {
    const dir = shardedDirectory((map) => Object.assign(map, { 'wte.weight': shard }));
    expect(await refusal(dir)).toBe(
      `DIR/model.safetensors.index.json: tensor "wte.weight": shard is ${JSON.stringify(shard)}, expected a file name without directories`,
    );
  });

  test('must exist', async () => {
    const dir = shardedDirectory((map) => Object.assign(map, { 'wte.weight': '3.safetensors' }));
    const error = await errorOf(() => openCheckpoint(dir, model));
    expect(error).toBeInstanceOf(SafetensorsError);
    expect(error).toHaveProperty('path', join(dir, '3.safetensors'));
  });

  test('must hold what the index lists', async () => {
    const dir = shardedDirectory((map) => Object.assign(map, { 'lm_head.weight': '1.safetensors' }));
    expect(await refusal(dir)).toContain('tensor "lm_head.weight": data is missing, expected in 1.safetensors');
  });

  test('must hold a tensor only once', async () => {
    const dir = shardedDirectory();
    const both = new Map([
      ['wte.weight', head(...WTE)],
      ['ln_f.bias', { dtype: 'F32', shape: [2], data: f32(0, 0) }],
    ]);
    writeFileSync(join(dir, '1.safetensors'), encodeSafetensors(both));
    expect(await refusal(dir)).toContain(
      'tensor "ln_f.bias": data is in 1.safetensors, expected only in 2.safetensors, as weight_map says',
    );
  });

  test('must hold nothing that the index does not list', async () => {
    const dir = shardedDirectory((map) => delete map['ln_f.bias']);
    expect(await refusal(dir)).toContain(
      'tensor "ln_f.bias": data is in 2.safetensors, expected a tensor of weight_map',
    );
  });

  test.each([
    ['{', 'file is not JSON, expected a JSON object'],
    ['{}', 'weight_map is missing, expected an object of tensor names and file names'],
    ['{"weight_map": {"a": "1", "a": "2"}}', 'key "weight_map"."a" is given twice, expected once'],
  ])('need an index that makes sense, not %s', async (text, message) => {
    const dir = temporaryDirectory();
    writeFileSync(join(dir, 'model.safetensors.index.json'), text);
    expect(await refusal(dir)).toBe(`DIR/model.safetensors.index.json: ${message}`);
  });

  test.skipIf(!existsSync('/proc/self/fd'))('are closed again when opening fails', async () => {
    const dir = shardedDirectory((map) => Object.assign(map, { 'lm_head.weight': '1.safetensors' }));
    const before = readdirSync('/proc/self/fd').length;
    await refusal(dir);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});
