// A device that is lost under a server: all calls end, and whoever asks for its health is told.
import { expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { tinyModels } from '../fuzz/fuzz-models.ts';
import { parseEvents } from '../support/server/read-events.ts';
import { startTestServer } from '../support/server/test-server.ts';

test('calls that run and that wait end with an error of their kind, and the server says so until it ends', async () => {
  const device = await Device.open();
  const runner = await tinyModels[0]!.open(device);
  const server = await startTestServer({ runner });
  const { maxBatchSize, maxModelLen } = runner.limits;
  const call = { prompt: [1, 2, 3], max_tokens: maxModelLen - 3, ignore_eos: true };
  const streamed = (index: number) => index % 2 === 0;
  const calls = Array.from({ length: 3 * maxBatchSize }, (_, index) =>
    server.post('/v1/completions', { ...call, stream: streamed(index) }),
  );
  await expect.poll(() => server.server.engine.stats.numWaiting, { interval: 1 }).toBeGreaterThan(0);
  device.gpu.destroy();
  const ends = await Promise.all(
    calls.map(async (answer) => {
      const response = await answer;
      const text = await response.text();
      if (response.headers.get('content-type')?.includes('json') !== true) {
        const { chunks, isMarked } = parseEvents(text);
        expect(isMarked).toBe(true);
        return chunks.at(-1)?.error?.code ?? chunks.at(-1)?.choices[0]?.finish_reason;
      }
      const { error, choices } = JSON.parse(text);
      expect(response.status).toBe(error === undefined ? 200 : 503);
      return error?.code ?? choices[0].finish_reason;
    }),
  );
  // Some may have ended before.
  expect(new Set(ends.filter((end) => end !== 'length'))).toEqual(new Set(['device_failed']));
  const later = await server.post('/v1/completions', call);
  expect([later.status, JSON.parse(await later.text()).error.code]).toEqual([503, 'device_failed']);
  const get = async (path: string) => (await fetch(`${server.url}${path}`)).status;
  expect([await get('/health'), await get('/metrics'), await get('/v1/models')]).toEqual([503, 200, 200]);
  await server.server.close();
  await runner.close();
  device.close();
});
