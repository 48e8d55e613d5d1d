import { readFileSync } from 'node:fs';
import { projectFile } from '../project.js';

/** A file of test/fixtures, parsed; the caller says what it holds. */
export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(projectFile(`test/fixtures/${name}`), 'utf8')) as T;
}
