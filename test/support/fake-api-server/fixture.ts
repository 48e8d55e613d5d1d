import { readFileSync } from 'node:fs';
import { projectFile } from '../project.js';

/** Parses a file of test/fixtures; the caller names its type. */
export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(projectFile(`test/fixtures/${name}`), 'utf8')) as T;
}
