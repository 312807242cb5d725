// Checks of the probe kernels: a roofline counts only if its kernels do all the work that they declare.
import type { Device } from '../../../src/gpu/device.ts';
import { floatsOf, hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import { compareBits, compareWithin } from '../../../src/testing/index.ts';
import { LOADS, probeFma, probeLoad, probeRead, VECTOR } from '../../../src/timing/probes.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel } from './run-kernel.ts';

const U = 2 ** -24;

/** Every word is added to one sum, the right one, in each variant. */
export async function checkProbeRead(device: Device, kernel = probeRead): Promise<void> {
  const ROUNDS = 3;
  for (const choice of kernel.variants(device.traits)) {
    const lanes = choice.overrides?.LANES ?? 1;
    const numSums = 2 * lanes;
    const words = Uint32Array.from({ length: numSums * ROUNDS * LOADS * VECTOR }, (_, i) => Math.imul(i, 0x9e3779b1));
    const want = new Uint32Array(numSums);
    words.forEach((word, i) => {
      const vector = Math.floor(i / VECTOR);
      want[Math.floor(vector / (LOADS * ROUNDS * lanes)) * lanes + (vector % lanes)]! += word;
    });
    const operands = {
      vectors: hostTensor(words, words.length / VECTOR, VECTOR),
      sums: hostTensor(new Uint32Array(numSums), numSums),
    };
    const got = await runKernel(device, kernel, operands, { ROUNDS }, choice);
    assertPasses(compareBits(got, want, { label: `${lanes} lanes, ${choice.constants?.STREAMS} streams` }));
  }
}

/** Every lane adds up its words ROUNDS times, and the same in each workgroup, at each workgroup size. */
export async function checkProbeLoad(device: Device, kernel = probeLoad): Promise<void> {
  const [ROUNDS, turns, workgroups] = [3, 2, 2];
  for (const choice of kernel.variants(device.traits)) {
    const lanes = choice.overrides?.LANES ?? 1;
    const I = turns * LOADS * lanes;
    const words = Uint32Array.from({ length: I * VECTOR }, (_, i) => Math.imul(i, 0x9e3779b1));
    const want = new Uint32Array(workgroups * lanes);
    for (let w = 0; w < workgroups; w++) {
      words.forEach((word, i) => {
        want[w * lanes + (Math.floor(i / VECTOR) % lanes)]! += Math.imul(ROUNDS, word);
      });
    }
    const operands = {
      vectors: hostTensor(words, I, VECTOR),
      sums: hostTensor(new Uint32Array(want.length), want.length),
    };
    const got = await runKernel(device, kernel, operands, { ROUNDS }, choice);
    assertPasses(compareBits(got, want, { label: `${lanes} lanes` }));
  }
}

/**
 * Both chains take every step, at each workgroup size. A chain's 12 steps and the 7 additions err by u of at most the sum
 * each: the values are positive.
 */
export async function checkProbeFma(device: Device, kernel = probeFma): Promise<void> {
  const [ROUNDS, factor, term] = [3, 0.75, 0.5];
  const steps = 4 * ROUNDS;
  for (const choice of kernel.variants(device.traits)) {
    const I = 2 * (choice.overrides?.LANES ?? 1);
    const want = Float64Array.from({ length: I }, (_, i) => {
      let sum = 0;
      for (const chain of [0, 0.5]) {
        for (let c = 0; c < 4; c++) {
          let value = i + c + chain;
          for (let step = 0; step < steps; step++) value = value * factor + term;
          sum += value;
        }
      }
      return sum;
    });
    const got = await runKernel(device, kernel, { out: unwritten(I) }, { ROUNDS, factor, term }, choice);
    assertPasses(
      compareWithin(
        floatsOf(got),
        want,
        want.map((value) => (steps + 7) * U * value),
        { label: `${I} sums` },
      ),
    );
  }
}
