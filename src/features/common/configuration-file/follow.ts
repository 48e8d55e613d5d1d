import { follow } from '../../../lib/follow.js';
import { describeFileError, type ReadFile } from '../../../lib/read-file.js';
import { type FileFormat, type Problem, parseConfigurationFile, type Report } from './parse.js';

/** How one of the API server's configuration files is followed. */
export interface FollowOptions<T> {
  /** The flag that names the file. */
  readonly flag: string;
  readonly file: string;
  readonly format: FileFormat;
  /** What the file is about, for the log. */
  readonly subject: string;
  /** Reads what a file with the right fields says. What it reports cannot be used. */
  readonly read: (content: object, report: Report) => Promise<T>;
  /** Called with each version of which nothing is reported, the first one included. It uses it, or reports why it cannot. */
  readonly use: (value: T, report: Report) => void | Promise<void>;
  /** Called after each reading of a changed file: whether it can be used. */
  readonly reloaded: (isUsable: boolean) => void;
  readonly logger: { info(message: string): void; error(fields: object, message: string): void };
  readonly interval: number | undefined;
}

/** A file that is followed. */
export interface FollowedFile {
  /** Why the last version of the file is not the one in use, for readyz; empty if it is. */
  warnings(): readonly string[];
  close(): void;
}

/**
 * Reads the file and follows its changes. If a new version cannot be used, the last valid one stays in use. If the file cannot be used now,
 * the problems are returned.
 */
export async function followConfigurationFile<T>(
  options: FollowOptions<T>,
): Promise<FollowedFile | { readonly problems: readonly string[] }> {
  const { flag, subject, reloaded, logger } = options;
  let failure: readonly Problem[] = [];
  const followed = await follow<object, Problem>({
    interval: options.interval,
    async load(readFile) {
      const problems = await useFile(options, readFile);
      return problems.length > 0 ? { problems } : {};
    },
    onChange(result) {
      failure = 'problems' in result ? (result.problems as readonly Problem[]) : [];
      const isUsable = failure.length === 0;
      reloaded(isUsable);
      if (isUsable) logger.info(`${subject} of ${flag} reloaded`);
      else {
        const problems = failure.map(({ text }) => text);
        logger.error({ problems }, `${flag} cannot be used; the last valid one stays in use`);
      }
    },
  });
  if ('problems' in followed) return { problems: followed.problems.map(({ text }) => text) };
  return {
    warnings: () =>
      failure
        .slice(0, 1)
        .map(({ publicText }) => `${publicText}; the last valid version of the file stays in use`),
    close: followed.close,
  };
}

/** Returns why the file cannot be used; nothing if it is in use now. */
async function useFile<T>(
  { flag, file, format, read, use }: FollowOptions<T>,
  readFile: ReadFile,
): Promise<readonly Problem[]> {
  let text: string;
  try {
    text = (await readFile(file)).toString();
  } catch (error) {
    const problem = `${flag}: ${file}: ${describeFileError(error)}`;
    return [{ text: problem, publicText: problem }];
  }
  const problems: Problem[] = [];
  const parsed = parseConfigurationFile(format, `${flag}: ${file}`, text, problems);
  if (parsed === undefined) return problems;
  const value = await read(parsed.content, parsed.report);
  if (problems.length === 0) await use(value, parsed.report);
  return problems;
}
