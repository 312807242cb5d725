// Three replicas behind routers that others keep, with the flags and the configuration of docs/scaling.md: where calls go, a replica that is killed under load, and
// what a router changes of a call.
// @module-tag slow
import { describe, expect, test } from 'vitest';
import { type ResumableCall, type StreamChunk, streamWithResume } from '../../src/client/index.ts';
import { uniform } from '../../src/util/rng.ts';
import { NGINX_CONFIGURATION, SMG_FLAGS } from '../support/server/router-settings.ts';
import {
  hasRouter,
  REPLICA_FACTS,
  type ServerProcess,
  startNginx,
  startReplica,
  startSmg,
} from '../support/server/routers.ts';
import { sendJson, startStub } from '../support/server/stub-server.ts';
import { startTestServer } from '../support/server/test-server.ts';

const NUM_REPLICAS = 3;
const NUM_GROUPS = 12;
const NUM_CALLS = 360;
const IN_FLIGHT = 12;
const WORDS = 'king queen forest river stone bridge lamp crow fox mill bread crown night ship star'.split(' ');

const ROUTERS = [
  ['sglang-router', hasRouter.smg, (urls: readonly string[]) => startSmg(urls, SMG_FLAGS)],
  ['nginx', hasRouter.nginx, (urls: readonly string[]) => startNginx(NGINX_CONFIGURATION, urls)],
] as const;

/** Words that depend on two numbers alone. */
function words(count: number, a: number, b: number): string {
  return Array.from({ length: count }, (_, i) => WORDS[Math.floor(uniform(a, b, i) * WORDS.length)]).join(' ');
}

/** Body of a call whose prompt begins as all of its group. */
function callOf(group: number, index: number) {
  const prompt = `Tale ${group}: ${words(60, 9, group)}. ${index} ${words(8, 5, index)}`;
  return { model: 'tales', prompt, max_tokens: 8 + Math.floor(uniform(1, 2, index) * 16), seed: index };
}

interface Answer {
  readonly system_fingerprint: string;
  readonly choices: readonly { readonly text: string }[];
}

/** Calls a path; a body is sent as JSON. */
async function call(url: string, path: string, body?: object, headers = {}, method = body ? 'POST' : 'GET') {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const all = { 'content-type': 'application/json', ...headers };
  const response = await fetch(`${url}${path}`, { method, headers: all, ...sent });
  const text = await response.text();
  return { status: response.status, type: response.headers.get('content-type') ?? '', text, headers: response.headers };
}

/** Makes calls of groups, some of them in flight at a time, and returns the answers by group. */
async function callGroups(url: string, count: number, taken: () => void = () => {}): Promise<Map<number, Answer[]>> {
  const byGroup = new Map<number, Answer[]>();
  let next = 0;
  const work = async () => {
    while (next < count) {
      const index = next++;
      const group = index < NUM_GROUPS ? index : Math.floor(uniform(3, 7, index) * NUM_GROUPS);
      const { status, text } = await call(url, '/v1/completions', callOf(group, index));
      expect(status, text).toBe(200);
      byGroup.set(group, [...(byGroup.get(group) ?? []), JSON.parse(text)]);
      taken();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  return byGroup;
}

/** Starts replicas of one fingerprint each, or of one for all. */
async function startReplicas(stack: AsyncDisposableStack, fingerprint?: string): Promise<ServerProcess[]> {
  const names = Array.from({ length: NUM_REPLICAS }, (_, index) => fingerprint ?? `fp_${index}`);
  const replicas = await Promise.all(names.map(startReplica));
  for (const each of replicas) stack.use(each);
  return replicas;
}

/** Counts the requests that run at a replica. */
async function numRunning({ url }: ServerProcess): Promise<number> {
  const { text } = await call(url, '/metrics');
  return Number(/^vllm:num_requests_running\S* (\d+)/m.exec(text)?.[1]);
}

async function collect(stream: AsyncIterable<StreamChunk>): Promise<object[]> {
  const chunks: object[] = [];
  for await (const chunk of stream) chunks.push({ ...chunk, id: '', created: 0 });
  return chunks;
}

const countsOf = (answers: readonly Answer[]): number[] =>
  [...Map.groupBy(answers, ({ system_fingerprint: fingerprint }) => fingerprint).values()].map(({ length }) => length);

describe.each(ROUTERS)('behind %s, for which this machine needs it', (name, isThere, start) => {
  test.skipIf(!isThere)('replicas take like numbers of calls', async () => {
    await using stack = new AsyncDisposableStack();
    const replicas = await startReplicas(stack);
    const { url } = stack.use(await start(replicas.map((each) => each.url)));
    // The first calls of all groups are in flight together.
    const byGroup = await callGroups(url, NUM_CALLS);
    const loads = countsOf([...byGroup.values()].flat());
    expect(loads).toHaveLength(NUM_REPLICAS);
    expect(Math.max(...loads) / Math.min(...loads)).toBeLessThanOrEqual(1.6);
    if (name === 'nginx') return;
    const atHome = [...byGroup.values()].map((answers) => Math.max(...countsOf(answers)));
    expect(atHome.reduce((sum, each) => sum + each) / NUM_CALLS).toBeGreaterThanOrEqual(0.95);
  });

  test.skipIf(!isThere)('a replica is killed: calls that have not begun are answered, streams go on', async () => {
    await using stack = new AsyncDisposableStack();
    const replicas = await startReplicas(stack, 'fp_same');
    const urls = replicas.map((each) => each.url);
    const { url } = stack.use(await start(urls));
    const path = '/v1/completions';
    const bodies = Array.from({ length: NUM_GROUPS }, (_, group) => ({ ...callOf(group, group), max_tokens: 150 }));
    const calls = bodies.map((body): ResumableCall => ({ replicas: [url, ...urls], path, body }));
    const expected = await Promise.all(
      calls.map((each) => collect(streamWithResume({ ...each, replicas: [urls[0]!] }))),
    );
    const streams = calls.map((each) => collect(streamWithResume(each)));
    const killed = Promise.withResolvers<ServerProcess>();
    let numTaken = 0;
    const answers = callGroups(url, 200, () => {
      if (++numTaken === 20) killed.resolve(busiestOf(replicas));
    });
    const busiest = await killed.promise;
    expect(await numRunning(busiest)).toBeGreaterThan(0);
    await busiest.kill();
    expect(await Promise.all(streams)).toEqual(expected);
    expect([...(await answers).values()].flat()).toHaveLength(200);
  });

  test.skipIf(!isThere)('a replica ends, and answers 503: its calls are given to others', async () => {
    await using replica = await startTestServer();
    const error = { code: 'shutting_down', message: 'server is shutting down' };
    const path = '/v1/completions';
    await using ending = await startStub({
      ...REPLICA_FACTS,
      [path]: (_, response) => sendJson(response, { error }, 503),
    });
    await using router = await start([ending.url, replica.url]);
    await callGroups(router.url, 2 * NUM_GROUPS);
    expect(ending.calls.filter((each) => each.path === path).length).toBeGreaterThan(0);
  });
});

/** Finds the replica at which most requests run. */
async function busiestOf(replicas: readonly ServerProcess[]): Promise<ServerProcess> {
  const counts = await Promise.all(replicas.map(numRunning));
  return replicas[counts.indexOf(Math.max(...counts))]!;
}
