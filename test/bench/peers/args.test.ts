// Flags of bench/peers.ts: values, defaults and refusals.
import { describe, expect, test } from 'vitest';
import { peerNames, peersOf, peersScript } from '../../../bench/peers/args.ts';
import { readCommandLine } from '../../../src/terminal/command-line.ts';

describe('the flags of bench/peers.ts', () => {
  test('compares with every peer once, and has no value where the model or the adapter decides', () => {
    expect(readCommandLine(peersScript, [])).toEqual({ 'max-new-tokens': 64, repeat: 1, peer: 'all', timeout: 900 });
  });

  test('reads every flag', () => {
    const line =
      '--model dir --dtype f32 --kv-dtype f16 --adapter llvm --reduction gpu --max-new-tokens 9 --repeat 3 --peer llama-cpu --threads 2 ' +
      '--timeout 60 --peers-dir peers --json out.json';
    expect(readCommandLine(peersScript, line.split(' '))).toEqual({
      model: 'dir',
      dtype: 'f32',
      'kv-dtype': 'f16',
      adapter: 'llvm',
      reduction: 'gpu',
      'max-new-tokens': 9,
      repeat: 3,
      peer: 'llama-cpu',
      threads: 2,
      timeout: 60,
      'peers-dir': 'peers',
      json: 'out.json',
    });
  });

  test.each([
    // One id has no decode speed.
    ['--max-new-tokens 1', '--max-new-tokens is 1, expected an integer from 2 to 2147483647'],
    ['--repeat 0', '--repeat is 0, expected an integer from 1 to 2147483647'],
    ['--threads 0', '--threads is 0, expected an integer from 1 to 2147483647'],
    ['--timeout 0', '--timeout is 0, expected an integer from 1 to 2147483'],
    // A longer timer would end at once.
    ['--timeout 2147484', '--timeout is 2147484, expected an integer from 1 to 2147483'],
    ['--peer vllm', '--peer is "vllm", expected one of llama-vulkan, llama-cpu, onnx-webgpu, onnx-cpu, all'],
    ['--peers all', expect.stringContaining('did you mean --peer?')],
    ['--repeat 1 stray', 'stray word "stray", expected flags that --help lists'],
  ])('refuses %s', (line, message) => {
    expect(() => readCommandLine(peersScript, line.split(' '))).toThrow(
      expect.objectContaining({ name: 'UsageError', message }),
    );
  });
});

describe('peersOf', () => {
  test('is the peer, or all of them', () => {
    expect(peersOf({ peer: 'onnx-cpu' })).toEqual(['onnx-cpu']);
    expect(peersOf({ peer: 'all' })).toEqual(peerNames);
  });
});
