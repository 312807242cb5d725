// A parser of Prometheus' text format 0.0.4 that is as strict as its description: what a lenient scraper would skip is an error.

/** Samples by name and labels as they are written; labels in the order of the text. */
export interface PrometheusText {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

/** Parses a scrape; throws for anything that the format does not allow. */
export function parsePrometheus(text: string): PrometheusText {
  if (!text.endsWith('\n')) throw new SyntaxError('the last line has no end');
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const ended = new Set<string>();
  const samples: Sample[] = [];
  let family: string | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (line.startsWith('#')) {
      if (kind === undefined || !NAME.test(name)) throw new SyntaxError(`no comment of the format: ${line}`);
      if (family !== name) {
        if (family !== null) ended.add(family);
        if (ended.has(name)) throw new SyntaxError(`${name} comes in two places`);
        family = name;
      }
      if (kind === 'HELP' ? helps.has(name) : types.has(name)) throw new SyntaxError(`${name} has two of ${kind}`);
      if (kind === 'HELP') helps.add(name);
      else if (TYPES.includes(rest)) types.set(name, rest);
      else throw new SyntaxError(`type of ${name} is ${rest}`);
      continue;
    }
    const sample = parseSample(line);
    const type = types.get(family ?? '');
    const base = type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
    if (base !== family || (type === 'histogram' && base === sample.name)) {
      throw new SyntaxError(`${sample.name} stands under ${family}`);
    }
    if (type === 'counter' && !(sample.value >= 0)) throw new RangeError(`counter ${sample.name} is ${sample.value}`);
    samples.push(sample);
  }
  for (const [name, type] of types) {
    if (!helps.has(name)) throw new SyntaxError(`${name} has no help`);
    if (type === 'histogram') checkHistogram(name, samples);
  }
  const keys = samples.map(keyOf);
  if (new Set(keys).size < keys.length) throw new SyntaxError('a sample comes twice');
  return { types, samples };
}

/** Writes the name of a sample with its labels in order of their names. */
export function keyOf({ name, labels }: Pick<Sample, 'name' | 'labels'>): string {
  const parts = [...labels].toSorted().map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return parts.length === 0 ? name : `${name}{${parts.join(',')}}`;
}

function parseSample(line: string): Sample {
  const [, name = '', braces = '', value = ''] = /^([^\s{]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
  if (!NAME.test(name) || !NUMBER.test(value)) throw new SyntaxError(`no sample: ${line}`);
  return { name, labels: parseLabels(braces.slice(1, -1)), value: Number(value.replace('Inf', 'Infinity')) };
}

function parseLabels(text: string): Map<string, string> {
  const labels = new Map<string, string>();
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, label, value] = LABEL.exec(text) ?? [];
    if (label === undefined || value === undefined || labels.has(label)) throw new SyntaxError(`no labels: ${text}`);
    labels.set(
      label,
      value.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter)),
    );
  }
  return labels;
}

/** Checks that each series of buckets rises, in order of their bounds, to the count. */
function checkHistogram(name: string, samples: readonly Sample[]): void {
  const seriesOf = ({ labels }: Sample) =>
    keyOf({ name, labels: new Map([...labels].filter(([label]) => label !== 'le')) });
  const of = (part: string) => samples.filter((sample) => sample.name === `${name}_${part}`);
  const series = Map.groupBy(of('bucket'), seriesOf);
  for (const [key, buckets] of series) {
    const bounds = buckets.map(({ labels }) => Number(labels.get('le')?.replace('Inf', 'Infinity')));
    const counts = buckets.map(({ value }) => value);
    const isRising = (values: readonly number[]) => values.every((each, i) => i === 0 || each >= values[i - 1]!);
    if (!isRising(bounds) || !isRising(counts)) throw new RangeError(`buckets of ${key} do not rise`);
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new RangeError(`${key} has no last bucket`);
    const total = of('count').find((sample) => seriesOf(sample) === key)?.value;
    if (total !== counts.at(-1)) throw new RangeError(`count of ${key} is ${total}, its last bucket ${counts.at(-1)}`);
    if (!of('sum').some((sample) => seriesOf(sample) === key)) throw new SyntaxError(`${key} has no sum`);
  }
}
