// The parts of a queue that need no server: its address, its names, and a job as a message.
import { describe, expect, test } from 'vitest';
import { type Job, readJob, writeJob } from '../../../src/cli/queue/job.ts';
import { readQueueAddress } from '../../../src/cli/queue/queue-address.ts';
import { GONE, QueueTroubles } from '../../../src/cli/queue/queue-troubles.ts';
import { Subjects } from '../../../src/cli/queue/subjects.ts';

describe('an address', () => {
  test.each([
    [
      'nats://queue',
      { servers: ['queue:4222'], isSecure: false, user: null, name: 'roseinfer', label: 'nats://queue' },
    ],
    ['tls://a:1,[::1]/night_1', { servers: ['a:1', '[::1]:4222'], isSecure: true, name: 'night_1' }],
    ['nats://me:p%40ss@10.0.0.1:4223/', { user: { name: 'me', password: 'p@ss' }, label: 'nats://10.0.0.1:4223' }],
  ])('%s is read', (text, expected) => {
    expect(readQueueAddress('queue', text)).toMatchObject(expected);
  });

  test.each([
    'http://queue',
    'queue:4222',
    'nats://',
    'nats://a:0',
    'nats://a:65536',
    'nats://a,,b',
    'nats://a/b.c',
    'nats://a/b/c',
    `nats://a/${'x'.repeat(33)}`,
    'nats://:p@a',
    'nats://a:b:c@d',
    'nats://%zz@d',
  ])('%s is refused with the flag, and without its password', (text) => {
    expect(() => readQueueAddress('queue', text)).toThrow(/^--queue is ".*", expected nats:\/\/HOST\[:PORT\]/);
    expect(() => readQueueAddress('queue', 'ftp://me:secret@a')).toThrow(/^--queue is "ftp:\/\/…@a"/);
  });
});

test('subjects hold the name of a run and a number of a line, and give both back', () => {
  const subjects = new Subjects('night');
  const place = { run: '0123456789abcdef', line: 12 };
  expect(subjects.job('any', place)).toBe('night.j.any.0123456789abcdef.12');
  for (const subject of [subjects.job('fp_1', place), subjects.result(place)]) {
    expect(subjects.placeOf(subject)).toEqual(place);
  }
  for (const subject of [
    'night.j.any',
    'night.j.any.run.1',
    'night.r.0123456789abcdef.0',
    'night.r.0123456789abcdef.1e3',
  ]) {
    expect(subjects.placeOf(subject)).toBeNull();
  }
});

test('a job that is written is read', () => {
  const job: Job = { customId: 'a.b > *', path: '/v1/completions', body: { prompt: 'x' }, seed: 2 ** 53 - 1 };
  expect(readJob(writeJob(job))).toEqual({ job });
});

test('troubles of a queue are told once, their end when the last is over, and none beside a connection that is gone', () => {
  const told: string[] = [];
  const troubles = new QueueTroubles('Q', (line) => told.push(line.replace(/^the queue Q /, '')));
  troubles.begin('is full', 'no room');
  troubles.begin('is full', 'still none');
  troubles.begin('has no worker');
  troubles.end('is full');
  expect(told.splice(0)).toEqual(['is full (no room): waiting for it', 'has no worker: waiting for it']);
  troubles.end('is full', 'has no worker');
  troubles.end('is full');
  expect(told.splice(0)).toEqual(['goes on']);
  troubles.begin(GONE);
  troubles.begin('does not answer', 'timeout');
  troubles.end('does not answer');
  troubles.end(GONE);
  expect(told).toEqual(['is gone: waiting for it', 'goes on']);
});
