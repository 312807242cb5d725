import { readFileSync } from 'node:fs';

/** A program that README.md prints. */
export interface ReadmeExample {
  readonly language: 'js' | 'ts';
  readonly code: string;
  /** Its heading in test reports. */
  readonly title: string;
}

/** Every js and ts block of a README. */
export function readmeExamples(file: string | URL): ReadmeExample[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^```(js|ts)\n(.*?)^```$/gms)].map(({ 1: language, 2: code = '', index }) => {
    const line = text.slice(0, index).split('\n').length;
    return { language: language === 'js' ? 'js' : 'ts', code, title: `the ${language} at line ${line}` };
  });
}

/** Worst errors by kernel that an example printed, one `name number` a line. */
export function printedErrors(stdout: string): Record<string, number> {
  return Object.fromEntries(
    [...stdout.matchAll(/^(\w+) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]),
  );
}
