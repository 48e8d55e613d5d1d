import { type BearerToken, digestOf, hasSpaceOrControl } from '../../authentication/bearer-token.js';
import { admitUser, type CallerRules, sizeProblem } from '../../authentication/identity.js';
import { utf8Text } from '../../http/percent-encoding.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { type FollowOptions, follow } from '../../lib/follow.js';
import { describeFileError, type ReadFile } from '../../lib/read-file.js';

/** The file is not CSV. `line` counts from 1. The message contains no part of the file. */
export class CsvError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** A field and its end. The field is plain, or quoted, and then two quotes stand for one. */
const field = /(?:"([^"]*(?:""[^"]*)*)"|([^",\n]*))(,|\n|$)/y;

/**
 * Reads records of RFC 4180 as Go's encoding/csv does: a record may have any number of fields, empty lines are ignored, a quote in the
 * middle of a field is an error, and a carriage return at the end of the file is ignored. Throws a CsvError.
 */
export function parseCsv(file: string): string[][] {
  const text = file.replaceAll('\r\n', '\n').replace(/\r$/, '');
  const records: string[][] = [];
  let record: string[] = [];
  let position = 0;
  while (position < text.length || record.length > 0) {
    field.lastIndex = position;
    const match = field.exec(text);
    if (match === null) {
      const line = text.slice(0, position).split('\n').length;
      throw new CsvError(line, 'a quote is in the middle of a field, or is not closed');
    }
    const [whole, quoted, plain = '', end] = match;
    position += whole.length;
    const isEmptyLine = record.length === 0 && quoted === undefined && plain === '' && end !== ',';
    if (!isEmptyLine) record.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    if (record.length > 0) records.push(record);
    record = [];
  }
  return records;
}

/** The options of a token file. */
export interface TokenFileOptions {
  /** The path: the value of --token-auth-file. */
  readonly file: string;
  readonly rules: CallerRules;
  /** Called after each reading of a changed file. If there are problems, the last valid file stays in use. */
  readonly onReload: (problems: readonly string[]) => void;
  /** Called for each record with something unusual. The line contains no token. */
  readonly onWarning: (warning: string) => void;
  readonly interval?: FollowOptions<never>['interval'];
}

/** A token file whose changes are followed. */
export interface FollowedTokenFile {
  readonly authenticator: { authenticateToken(token: Pick<BearerToken, 'digest'>): UserInfo | undefined };
  /** Whether any user in the file has a uid. */
  hasUids(): boolean;
  close(): void;
}

/** The user of each token, or the reason why there is none. */
type Users = ReadonlyMap<string, UserInfo | Error>;

const flag = '--token-auth-file';

/**
 * Reads the file and follows its changes. If the file cannot be used now, the problems are returned; later, the last valid file stays in
 * use.
 */
export async function followTokenFile(
  options: TokenFileOptions,
): Promise<FollowedTokenFile | { readonly problems: readonly string[] }> {
  const followed = await follow<{ readonly users: Users }>({
    interval: options.interval,
    load: read => loadUsers(options, read),
    onChange: next => options.onReload('problems' in next ? next.problems : []),
  });
  if ('problems' in followed) return followed;
  return {
    close: followed.close,
    hasUids: () => [...followed.current.users.values()].some(user => 'uid' in user && user.uid !== undefined),
    authenticator: {
      authenticateToken({ digest }) {
        const found = followed.current.users.get(digest);
        if (found instanceof Error) throw found;
        return found;
      },
    },
  };
}

async function loadUsers(
  { file, rules, onWarning }: TokenFileOptions,
  read: ReadFile,
): Promise<{ readonly users: Users } | { readonly problems: readonly string[] }> {
  try {
    return parseTokenFile(await read(file), { label: `${flag}: ${file}`, rules, onWarning });
  } catch (error) {
    return { problems: [`${flag}: ${file}: ${describeFileError(error)}`] };
  }
}

/**
 * Reads the API server's format (k8s.io/apiserver `token/tokenfile`): token, user, uid and, in quotes, groups separated by commas. Tokens
 * are compared by their bytes. If a token occurs twice, the later record is used. A record without a token, or with one that no request can
 * bring, is ignored. Each causes a warning.
 */
export function parseTokenFile(
  file: Buffer,
  { label, rules, onWarning }: { readonly label: string } & Pick<TokenFileOptions, 'rules' | 'onWarning'>,
): { readonly users: Users } | { readonly problems: readonly string[] } {
  let records: string[][];
  try {
    records = parseCsv(file.toString('latin1'));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { problems: [`${label}:${error.line}: ${error.message}`] };
  }
  const users = new Map<string, UserInfo | Error>();
  const problems: string[] = [];
  for (const [index, [token = '', username = '', uid, groups = '']] of records.entries()) {
    const record = `${label}: record ${index + 1}`;
    if (uid === undefined) {
      problems.push(`${record} has fewer than 3 columns (token, user, uid)`);
    } else if (token === '') {
      onWarning(`${record} has an empty token and is ignored`);
    } else if (hasSpaceOrControl(token)) {
      onWarning(`${record} has a token with white space or a control character and is ignored`);
    } else if (username === '') {
      problems.push(`${record} has no user name`);
    } else {
      const digest = digestOf(token);
      if (users.has(digest)) onWarning(`${record} repeats the token of an earlier record, and replaces it`);
      const user = {
        username: utf8Text(username),
        uid: utf8Text(uid),
        groups: utf8Text(groups).split(','),
        extra: new Map(),
      };
      const problem = sizeProblem(user);
      if (problem !== undefined) problems.push(`${record}: ${problem}`);
      users.set(
        digest,
        admit(user, rules, reason => onWarning(`${record} is rejected: ${reason}`)),
      );
    }
  }
  return problems.length > 0 ? { problems } : { users };
}

function admit(user: UserInfo, rules: CallerRules, onRefused: (reason: string) => void): UserInfo | Error {
  try {
    return admitUser(user, rules);
  } catch (error) {
    onRefused((error as Error).message);
    return error as Error;
  }
}
