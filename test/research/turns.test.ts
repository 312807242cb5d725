// Calls of a model that wait for each other: none hangs, and each is refused by what is wrong, whenever the model is closed.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PointEdit } from '../../src/research/edits.ts';
import { type LoadedTextModel, loadTextModel } from '../../src/research/load-text-model.ts';
import type { TextModel } from '../../src/research/text-model.ts';

const ids = [1, 2, 3, 4, 5];
const CLOSED = 'the model was closed, expected an open one; loadTextModel opens one';
const CLOSED_MEANWHILE = 'the model was closed during a call, expected an open one until it is done';

let loaded: LoadedTextModel;
let model: TextModel;
let before: number;
beforeEach(async () => {
  loaded = await loadTextModel('test/fixtures/models/llama-plain');
  ({ model } = loaded);
  before = loaded.device.liveBuffers;
});
afterEach(() => loaded.close());

const editAt = (run: () => void | Promise<void>): { edit: PointEdit[] } => ({
  edit: [{ at: 'blocks.0.resid_post', run }],
});

describe('a closed model', () => {
  test('refuses next logits each time that they are asked for', async () => {
    model.close();
    await expect(model.nextLogits(ids)).rejects.toThrow(CLOSED);
    await expect(model.nextLogits(ids)).rejects.toThrow(CLOSED);
    await expect(Promise.all([model.nextLogits(ids), model.nextLogits(ids)])).rejects.toThrow(CLOSED);
  });

  test('is named by the call that it ends, and by those that wait', async () => {
    const run = () => model.close();
    const calls = [model.forward(ids, editAt(run)), model.nextLogits(ids), model.scoreTokens(ids)];
    const settled = await Promise.allSettled(calls);
    const messages = settled.map((one) => one.status === 'rejected' && one.reason.message);
    expect(messages).toEqual([CLOSED_MEANWHILE, CLOSED, CLOSED]);
    expect(loaded.device.liveBuffers).toBe(0);
  });

  test('is named where a choice of generate closes it', async () => {
    const choose = () => {
      model.close();
      return 1;
    };
    await expect(model.generate(ids, { maxTokens: 3, choose })).rejects.toThrow(CLOSED_MEANWHILE);
  });

  test('is not taken for a closed device, which is named, too', async () => {
    const lost = 'the GPU device was lost (closed): close() was called';
    const calls = [
      model.forward(
        ids,
        editAt(() => loaded.device.close()),
      ),
      model.scoreTokens(ids),
      model.prefill(ids),
    ];
    const settled = await Promise.allSettled(calls);
    expect(settled.map((one) => one.status === 'rejected' && one.reason.message)).toEqual([lost, lost, lost]);
  });

  test('does not hide an error of the caller', async () => {
    const run = () => {
      model.close();
      throw new RangeError('mine');
    };
    await expect(model.forward(ids, editAt(run))).rejects.toThrow(new RangeError('mine'));
  });
});

describe('the function of an edit', () => {
  test.each<[string, (model: TextModel) => Promise<unknown>]>([
    ['forward', (one) => one.forward(ids)],
    ['nextLogits', (one) => one.nextLogits(ids)],
    ['prefill', (one) => one.prefill(ids)],
    ['generate', (one) => one.generate(ids, { maxTokens: 1, choose: () => 1 })],
    ['scoreTokens', (one) => one.scoreTokens(ids)],
    ['unembed', (one) => one.unembed(new Float32Array(one.config.hiddenSize))],
    ['withWeights', (one) => one.withWeights({})],
  ])('is refused a call of %s, for which it would wait for ever', async (_, call) => {
    const run = async () => {
      await call(model);
    };
    for (const of of [model.forward(ids, editAt(run)), model.nextLogits(ids, editAt(run))])
      await expect(of).rejects.toThrow(
        /^the model was called by the run of an edit, for which it waits, expected no call: /,
      );
    expect(loaded.device.liveBuffers).toBe(before);
    using result = await model.forward(ids);
    expect(result.logits.shape[0]).toBe(ids.length);
  });

  test('does not keep others from calling while it waits', async () => {
    const [entered, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const run = () => {
      entered.resolve();
      return left.promise;
    };
    const pass = model.forward(ids, editAt(run));
    await entered.promise;
    const next = model.nextLogits(ids);
    left.resolve();
    (await pass).close();
    expect(await next).toEqual(await model.nextLogits(ids));
  });

  test('that returns other values is refused: it changes those that it gets', async () => {
    const edit = (run: unknown) => Reflect.apply(model.forward, model, [ids, { edit: [{ at: 'blocks.1.z', run }] }]);
    await expect(edit((values: Float32Array) => values.map(() => 0))).rejects.toThrow(
      'result of run at blocks.1.z is an object of class Float32Array, expected none: run changes its values in place',
    );
    await expect(edit(async (values: Float32Array) => [...values])).rejects.toThrow(
      /^result of run at blocks.1.z is \[/,
    );
    const transfer = (values: Float32Array<ArrayBuffer>) => void structuredClone(values, { transfer: [values.buffer] });
    await expect(edit(transfer)).rejects.toThrow(/^values of run at blocks.1.z is .*: their buffer was transferred$/);
    expect(loaded.device.liveBuffers).toBe(before);
    (await edit((values: Float32Array) => values.fill(0))).close();
  });
});
