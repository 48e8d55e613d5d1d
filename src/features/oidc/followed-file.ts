import { describeFileError } from '../../lib/file-problem.js';
import { watchFiles } from '../../lib/file-watch.js';
import { readWhole } from '../../lib/read-file.js';
import type { PrefixedClaimOrExpression, Problem } from './configuration.js';
import { parseConfigurationFile } from './configuration-file.js';
import { type ValidAuthenticator, validate } from './validation.js';

/** How the file is followed. */
export interface ConfigurationFileOptions {
  /** The path: the value of --authentication-config. */
  readonly file: string;
  /** Called with the entries of each version of the file that can be used, the first one included. */
  readonly onEntries: (entries: readonly ValidAuthenticator[]) => void;
  /** Called after each reading of a changed file. If there are problems, the last valid version stays in use. */
  readonly onReload: (problems: readonly Problem[]) => void;
  /** Called for what is allowed but dangerous, one line each. */
  readonly onWarning: (warning: string) => void;
  readonly interval: number | undefined;
}

const flag = '--authentication-config';

/** Reads the file and follows its changes. If the file cannot be used now, the problems are returned. */
export async function followConfigurationFile(
  options: ConfigurationFileOptions,
): Promise<{ close(): void } | { readonly problems: readonly string[] }> {
  const use = async (): Promise<readonly Problem[]> => {
    const read = await readConfiguration(options.file);
    if ('problems' in read) return read.problems;
    for (const warning of collisions(read.entries)) options.onWarning(warning);
    options.onEntries(read.entries);
    return [];
  };
  // The watch begins first, so that a change during the first reading is not missed.
  const watch = await watchFiles({
    files: () => [options.file],
    interval: options.interval,
    async onChange() {
      await first;
      options.onReload(await use());
    },
  });
  const first = use();
  const problems = await first;
  if (problems.length === 0) return watch;
  watch.close();
  return { problems: problems.map(({ text }) => text) };
}

async function readConfiguration(
  file: string,
): Promise<{ readonly entries: readonly ValidAuthenticator[] } | { readonly problems: readonly Problem[] }> {
  let text: string;
  try {
    text = (await readWhole(file)).toString();
  } catch (error) {
    const problem = `${flag}: ${file}: ${describeFileError(error)}`;
    return { problems: [{ text: problem, publicText: problem }] };
  }
  const problems: Problem[] = [];
  const parsed = parseConfigurationFile(`${flag}: ${file}`, text, problems);
  const entries = parsed && (await validate(parsed.configuration, parsed.report));
  return entries === undefined || problems.length > 0 ? { problems } : { entries };
}

/** Two issuers whose prefixes allow one to make a name or a group of the other. */
function* collisions(entries: readonly ValidAuthenticator[]): Generator<string> {
  for (const field of ['username', 'groups'] as const) {
    const mapped = entries.flatMap(({ entry }) => {
      const { claim = '', prefix = '' }: PrefixedClaimOrExpression = entry.claimMappings[field] ?? {};
      return claim === '' ? [] : [{ url: entry.issuer.url, prefix }];
    });
    for (const [index, one] of mapped.entries()) {
      for (const other of mapped.slice(index + 1)) {
        if (!one.prefix.startsWith(other.prefix) && !other.prefix.startsWith(one.prefix)) continue;
        yield `${flag}: ${one.url} and ${other.url} could make the same ${field === 'groups' ? 'group' : 'name'}: ` +
          `the prefix of one begins with that of the other (${JSON.stringify(one.prefix)}, ${JSON.stringify(other.prefix)})`;
      }
    }
  }
}
