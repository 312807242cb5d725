// Files of reports: refused before a run when they can't be written or would replace something.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import {
  checkReport,
  IDLE_REPORT_FLAGS,
  type ReportArgs,
  reportFlags,
  wantsReport,
  writeReport,
} from '../../../bench/charts/report-files.ts';
import type { ReportPage } from '../../../bench/charts/report-page.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { argsOf } from '../args-of.ts';

const page: ReportPage = {
  title: 'A report',
  lead: ['It went well.'],
  sections: [
    {
      heading: 'Speed',
      charts: [
        {
          name: 'speed',
          title: 'Speed',
          caption: 'One bar.',
          spec: { data: { values: [{ x: 3 }] }, mark: 'bar', encoding: { x: { field: 'x', type: 'quantitative' } } },
        },
      ],
    },
  ],
};

const script = { usage: 'test', flags: reportFlags, idle: IDLE_REPORT_FLAGS };

describe('writeReport', () => {
  test('writes the page and each of its figures, into a directory that it makes', async () => {
    const directory = temporaryDirectory();
    const args = { report: join(directory, 'out.html'), 'report-svg': join(directory, 'deep/figures') };
    await checkReport(args);
    expect(await readdir(directory)).toEqual([]);
    await writeReport(args, page);
    expect(await readFile(args.report, 'utf8')).toContain('<figure id="speed">');
    expect(await readdir(args['report-svg'])).toEqual(['speed.svg']);
    expect(await readFile(join(args['report-svg'], 'speed.svg'), 'utf8')).toMatch(/^<svg xmlns=.*<\/svg>\n$/);
  });

  test('writes nothing that was not asked for', async () => {
    const directory = temporaryDirectory();
    expect(wantsReport({})).toBe(false);
    await writeReport({}, page);
    await writeReport({ 'report-svg': join(directory, 'figures') }, page);
    expect(await readdir(directory)).toEqual(['figures']);
  });
});

describe('checkReport', () => {
  test('refuses a page that exists and figures among others, unless they may be overwritten', async () => {
    const directory = temporaryDirectory();
    const [report, svg] = [join(directory, 'out.html'), join(directory, 'figures')];
    await writeFile(report, 'mine');
    await mkdir(svg);
    await checkReport({ 'report-svg': svg });
    await writeFile(join(svg, 'old.svg'), 'mine');
    await expect(checkReport({ report })).rejects.toThrow(
      `--report is ${JSON.stringify(report)}, which exists; expected a new file, or --overwrite`,
    );
    await expect(checkReport({ 'report-svg': svg })).rejects.toThrow(
      `--report-svg is ${JSON.stringify(svg)}, which has SVG files; expected a new directory, or --overwrite`,
    );
    await checkReport({ report, 'report-svg': svg, overwrite: true });
    expect(await readFile(report, 'utf8')).toBe('mine');
  });

  test('takes a pipe or a device as it is', async () => {
    await checkReport({ report: '/dev/null' });
  });

  test('refuses a file in the place of the directory, also above it', async () => {
    const file = join(temporaryDirectory(), 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'figures')]) {
      await expect(checkReport({ 'report-svg': path })).rejects.toThrow(
        `--report-svg is ${JSON.stringify(path)} (ENOTDIR), expected a directory that can be written`,
      );
    }
  });
});

describe('the flags', () => {
  test.each<[argv: string[], expected: ReportArgs]>([
    [['--report', 'a.html'], { report: 'a.html' }],
    [['--report-svg', 'figures', '--overwrite'], { 'report-svg': 'figures', overwrite: true }],
  ])('are read: %j', (argv, expected) => {
    expect(argsOf(script, ...argv)).toMatchObject(expected);
  });

  test('tell that --overwrite has no effect without a report', () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {});
    try {
      argsOf(script, '--overwrite');
      expect(told).toHaveBeenCalledExactlyOnceWith('--overwrite has no effect without --report or --report-svg');
    } finally {
      told.mockRestore();
    }
  });

  test('refuse an empty name', () => {
    expect(() => argsOf(script, '--report', '')).toThrow('--report is "", expected one text that is not empty');
  });
});
