// Streams as servers write them, whole, cut and wrong.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StreamedAnswer } from '../../../bench/serving/http-client.ts';
import { readCompletion } from '../../../bench/serving/read-completion.ts';
import { readEvents } from '../../../bench/serving/read-events.ts';

const stamped = (...pieces: readonly (readonly [time: number, text: string])[]) =>
  pieces.map(([time, text]) => ({ time, bytes: Buffer.from(text) }));

function answer(events: readonly (object | string)[], fields: Partial<StreamedAnswer> = {}): StreamedAnswer {
  const texts = events.map((event) => (typeof event === 'string' ? event : JSON.stringify(event)));
  const pieces = stamped(...texts.map((text, index) => [10 * (index + 1), `data: ${text}\n\n`] as const));
  return { sent: 1, end: 1000, status: 200, contentType: 'text/event-stream', pieces, fault: null, ...fields };
}

const piece = (text: string) => ({ choices: [{ text, finish_reason: null }] });
const END = { choices: [{ text: '', finish_reason: 'length' }] };
const USAGE = {
  choices: [],
  usage: { prompt_tokens: 7, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 2 } },
};

describe('readEvents', () => {
  test('gives each event the time of the bytes that complete it, wherever they are cut', () => {
    const text = 'data: {"a":"é😀"}\r\n\r\n: comment\n\nevent: x\ndata: two\ndata:lines\n\ndata: [DONE]\n\ndata: open';
    const bytes = Buffer.from(text);
    const data = ['{"a":"é😀"}', 'two\nlines', '[DONE]'];
    const places = fc.array(fc.nat({ max: bytes.length }), { maxLength: 6 });
    fc.assert(
      fc.property(places, (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((edge, time) => ({ time, bytes: bytes.subarray(edges[time], edge) }));
        const events = readEvents(pieces);
        expect(events.map((event) => event.data)).toEqual(data);
        const ends = data.map((each) => Buffer.byteLength(text.slice(0, endOf(text, each))));
        const times = ends.map((end) => edges.slice(1).findIndex((edge) => edge >= end));
        expect(events.map(({ time }) => time)).toEqual(times);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  /** Place after the empty line that ends the event of this data. */
  function endOf(text: string, data: string): number {
    const last = text.indexOf(data.split('\n').at(-1) ?? '');
    return text.indexOf('\n', text.indexOf('\n', last) + 1) + 1;
  }
});

describe('readCompletion', () => {
  test('stamps pieces of text alone, and takes tokens from usage', () => {
    const completion = readCompletion(answer([piece('a'), piece(''), piece('bc'), END, USAGE, '[DONE]']));
    expect(completion).toEqual({
      sent: 1,
      end: 60,
      tokenTimes: [10, 30],
      usage: { prompt: 7, completion: 3, cached: 2 },
      timeline: null,
      fault: null,
    });
  });

  test('reads chats, reasoning included, and usage that does not speak of a cache', () => {
    const delta = (fields: object) => ({ choices: [{ delta: fields, finish_reason: null }] });
    const events = [
      delta({ role: 'assistant', content: '' }),
      delta({ reasoning_content: 'hm' }),
      delta({ content: 'a' }),
    ];
    const usage = { usage: { prompt_tokens: 1, completion_tokens: 2 } };
    const { tokenTimes, usage: read, fault } = readCompletion(answer([...events, { ...END, ...usage }]));
    expect({ tokenTimes, read, fault }).toEqual({
      tokenTimes: [20, 30],
      read: { prompt: 1, completion: 2, cached: null },
      fault: null,
    });
  });

  test('keeps the spans of a timeline that it knows', () => {
    const spans = [
      { kind: 'prefill', start: 0, end: 5, step: null },
      { kind: 'else', start: 5, end: 6 },
      { kind: 'decode' },
    ];
    const end = { choices: [{ text: '', finish_reason: 'length', timeline: spans }] };
    expect(readCompletion(answer([piece('a'), end, USAGE])).timeline).toEqual([{ kind: 'prefill', start: 0, end: 5 }]);
  });

  test.each([
    ['without usage', answer([piece('a'), END]), 'no usage', 'the stream has no usage, expected one'],
    ['with usage of another shape', answer([END, { usage: { prompt_tokens: 'x' } }]), 'no usage', 'no usage'],
    ['without an end', answer([piece('a'), USAGE, '[DONE]']), 'no finish_reason', 'ended without a finish_reason'],
    [
      'whose connection was lost',
      answer([piece('a')], { fault: 'ECONNRESET' }),
      'ECONNRESET',
      'ended early (ECONNRESET)',
    ],
    ['of no JSON', answer(['{']), 'no JSON', 'event "{" is no JSON object'],
    [
      'with an error in it',
      answer([piece('a'), { error: { code: 'generation_failed', message: 'no\nlogits' } }]),
      'generation_failed',
      'the stream ended with an error: no logits',
    ],
    [
      "with an error in it, of vLLM's shape",
      answer([{ object: 'error', message: 'too long', type: 'BadRequestError' }]),
      'BadRequestError',
      'the stream ended with an error: too long',
    ],
  ])('finds the fault of a stream %s', (_, given, reason, message) => {
    const { fault } = readCompletion(given);
    expect(fault).toMatchObject({ reason, isRefusal: false });
    expect(fault?.message).toContain(message);
  });

  test.each([
    [{ status: 0, fault: 'ECONNREFUSED' }, '', 'ECONNREFUSED', 'no answer (ECONNREFUSED)', false],
    [{ status: 429 }, '{"error":{"code":"queue_full","message":"full"}}', '429 queue_full', 'answers 429: full', true],
    [{ status: 429 }, 'slow down', '429', 'the server answers 429', true],
    [
      { status: 400 },
      '{"object":"error","message":"bad","type":"BadRequestError"}',
      '400 BadRequestError',
      'bad',
      false,
    ],
    [{ status: 404 }, '{"detail":"Not Found"}', '404', 'answers 404: Not Found', false],
    [{ contentType: 'application/json' }, '{}', 'no stream', 'the server does not stream', false],
  ])('finds the fault of the answer %j', (fields, body, reason, message, isRefusal) => {
    const { fault } = readCompletion(answer([], { ...fields, pieces: stamped([1, body]) }));
    expect(fault).toMatchObject({ reason, isRefusal });
    expect(fault?.message).toContain(message);
  });
});
