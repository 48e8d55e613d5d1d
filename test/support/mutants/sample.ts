import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { instrument } from './instrument.js';
import { keyOf } from './mutant-text.js';

/** The folders and files that all mutants are tested of, so that a sample leaves them out. */
export const wholeParts = [
  ...['src/guard/', 'src/request/', 'src/kubernetes/', 'src/http/', 'src/authentication/'],
  ...[
    ...['src/features/common/', 'src/features/oidc/', 'src/features/token-file/'],
    'src/features/token-review/',
  ],
  'src/features/tls/client-certificate/',
  ...['headers', 'cookies', 'documents', 'location', 'client-request'].map(name => `src/proxy/${name}.ts`),
  ...['sharable-watch', 'sharable-headers', 'watch-to-share'].map(
    name => `src/features/shared-watches/${name}.ts`,
  ),
  ...['src/transport/http1/response-parser.ts', 'src/transport/upstream-request.ts'],
];

/** Whether a file is in the population of a sample: not the page's views, nor a file that runs processes or is run as one. */
export function isSampled(source: string): boolean {
  if (wholeParts.some(part => source.startsWith(part))) return false;
  if (/\/page\/(views|parts)\/|\/page\/main\.tsx$|\/build\.ts$|^src\/main\.ts$/.test(source)) return false;
  return !readFileSync(source, 'utf8').includes("'node:child_process'");
}

/** Draws this many mutants of these files, the same ones for the same seed: their keys. */
export async function draw(
  sources: readonly string[],
  count: number,
  seed: string,
): Promise<readonly string[]> {
  const { mutants } = await instrument(sources);
  const keys = mutants.filter(({ status }) => status !== 'Ignored').map(keyOf);
  return shuffled(keys, seed).slice(0, count);
}

/** These texts in an order that the seed decides. */
export function shuffled(texts: readonly string[], seed: string): readonly string[] {
  const rank = (text: string) => createHash('sha256').update(`${seed} ${text}`).digest('hex');
  return texts
    .map(text => ({ text, rank: rank(text) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ text }) => text);
}
