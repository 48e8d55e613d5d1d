import type { UserInfo } from '../../kubernetes/user-info.js';
import { describeFileError } from '../../lib/file-problem.js';
import { watchFiles } from '../../lib/file-watch.js';
import { readWhole } from '../../lib/read-file.js';
import { type BearerToken, digestOf } from '../bearer-token/bearer-token.js';
import { admitUser, IdentityError, type IdentityRules } from '../identity.js';
import { CsvError, parseCsv } from './csv.js';

/** What goes with a token file. */
export interface TokenFileOptions {
  /** Its path, and the flag that names it. */
  readonly file: string;
  readonly flag: string;
  readonly rules: IdentityRules;
  /** It changed and was read: no problems, or those for which the last good one stays in use. */
  readonly onReload: (problems: readonly string[]) => void;
  /** What is odd about it, one line each; holds no token. */
  readonly onWarning: (warning: string) => void;
  /** Milliseconds between readings of the file; 4 s by default. */
  readonly interval?: number;
}

/** A token file that is followed as it changes. */
export interface FollowedTokenFile {
  readonly authenticator: { authenticateToken(token: Pick<BearerToken, 'digest'>): UserInfo | undefined };
  /** Whether any user in it has a uid. */
  hasUids(): boolean;
  close(): void;
}

type Users = ReadonlyMap<string, UserInfo | IdentityError>;

/** Milliseconds: as for the kubeconfig, a change is in use within twice that. */
const defaultInterval = 4_000;

/** Reads the file and keeps up with it; one that cannot be used is a problem now, and later leaves the last good one in use. */
export async function followTokenFile(
  options: TokenFileOptions,
): Promise<FollowedTokenFile | { readonly problems: readonly string[] }> {
  const first = await read(options);
  if ('problems' in first) return first;
  let { users } = first;
  const watch = await watchFiles({
    files: () => [options.file],
    interval: options.interval ?? defaultInterval,
    async onChange() {
      const next = await read(options);
      if ('users' in next) users = next.users;
      options.onReload('users' in next ? [] : next.problems);
    },
  });
  return {
    close: watch.close,
    hasUids: () => [...users.values()].some(user => 'uid' in user && user.uid !== undefined),
    authenticator: {
      authenticateToken({ digest }) {
        const found = users.get(digest);
        if (found instanceof IdentityError) throw found;
        return found;
      },
    },
  };
}

async function read({
  file,
  flag,
  rules,
  onWarning,
}: TokenFileOptions): Promise<{ readonly users: Users } | { readonly problems: readonly string[] }> {
  try {
    return parseTokenFile((await readWhole(file)).toString(), {
      label: `${flag}: ${file}`,
      rules,
      onWarning,
    });
  } catch (error) {
    return { problems: [`${flag}: ${file}: ${describeFileError(error)}`] };
  }
}

/**
 * The API server's format (k8s.io/apiserver `token/tokenfile`): token, user, uid and, in quotes, groups with commas between them. Of a token
 * that is there twice the later line wins, and lines without a token are left out, with a warning each.
 */
export function parseTokenFile(
  text: string,
  { label, rules, onWarning }: { readonly label: string } & Pick<TokenFileOptions, 'rules' | 'onWarning'>,
): { readonly users: Users } | { readonly problems: readonly string[] } {
  let records: string[][];
  try {
    records = parseCsv(text);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { problems: [`${label}:${error.line}: ${error.message}`] };
  }
  const users = new Map<string, UserInfo | IdentityError>();
  const problems: string[] = [];
  for (const [index, [token = '', username = '', uid, groups = '']] of records.entries()) {
    const record = `${label}: record ${index + 1}`;
    if (uid === undefined) {
      problems.push(`${record} has less than 3 columns (token, user, uid)`);
    } else if (token === '') {
      onWarning(`${record} has an empty token and is left out`);
    } else if (username === '') {
      problems.push(`${record} has no user name`);
    } else {
      const digest = digestOf(Buffer.from(token).toString('latin1'));
      if (users.has(digest)) onWarning(`${record} has a token that is there already; the later one counts`);
      const user = { username, uid, groups: groups.split(','), extra: new Map() };
      users.set(
        digest,
        admit(user, rules, reason => onWarning(`${record} is refused: ${reason}`)),
      );
    }
  }
  return problems.length > 0 ? { problems } : { users };
}

function admit(
  user: UserInfo,
  rules: IdentityRules,
  onRefused: (reason: string) => void,
): UserInfo | IdentityError {
  try {
    return admitUser(user, rules);
  } catch (error) {
    const refusal = error instanceof IdentityError ? error : new IdentityError((error as Error).message);
    onRefused(refusal.message);
    return refusal;
  }
}
