import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';
import type { RequestTarget } from '../request/request-path.js';
import { apiMounts, type OperationCheck, type OperationGuard } from './guard.js';
import { type RegexpList, regexpList } from './regexp-list.js';
import { Rejection } from './rejection.js';

const options = defineOptions('Filter', {
  acceptPaths: { type: regexpList, default: '^.*', help: 'Paths that are accepted.' },
  rejectPaths: {
    type: regexpList,
    default: '^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach',
    help: 'Paths that are refused, even if --accept-paths accepts them.',
  },
  rejectMethods: {
    type: regexpList,
    default: '^$',
    help: 'HTTP methods that are refused, such as POST,PUT,PATCH,DELETE.',
  },
  disableFilter: {
    type: bool,
    default: 'false',
    help: 'Turn off the filter, and the rule that pages of other sites may only link here. Any page that a user opens can then use the port.',
  },
});

/** The switch that turns off kubectl's filter, which is two guards here, `host` and `filter`, and the guard `cross-site`. */
export type FilterSwitch = Pick<OptionValues<typeof options>, 'disableFilter'>;

/** kubectl's lists of paths and methods. */
export const filter = {
  name: 'filter',
  stage: 'operation',
  options,
  reasons: ['path', 'method'],
  judges: apiMounts,
  judgesOperations: true,
  create(values: OptionValues<typeof options>): OperationCheck | undefined {
    if (values.disableFilter) return undefined;
    const check = createFilterCheck(values);
    return ({ head, path }) => check(head.method, path.forServer, path.serverPath);
  },
} as const satisfies OperationGuard;

/** kubectl proxy's four lists, without the hosts. */
type FilterRules = Omit<OptionValues<typeof options>, 'disableFilter'>;

/** Characters by which one path can be spelled in two ways. Nearly all have none, and are judged once. */
const respellable = /[%\\]|\/\/|.\/$/;

/**
 * kubectl's path and method filter (`pkg/proxy.FilterServer`). It tries every reading of the path that the API server, or a program behind
 * it, could have. So a rule that rejects the plain spelling rejects the other ones too. `serverPath` is the path of the kubeconfig's server
 * URL. Clients send it themselves, unless --append-server-path is set.
 */
export function createFilterCheck({ acceptPaths, rejectPaths, rejectMethods }: FilterRules) {
  const allowed =
    rejectPaths.source === options.rejectPaths.default
      ? ', by default; --reject-paths= allows exec and attach'
      : '; change that list to allow it';
  const rejected = (reading: string) =>
    new Rejection(
      403,
      'path',
      `the path is refused by --reject-paths${allowed}`,
      matched(rejectPaths, reading),
    );
  return (method: string, target: RequestTarget, serverPath: string): void => {
    if (rejectMethods.matches(method)) {
      const cause = matched(rejectMethods, method);
      throw new Rejection(403, 'method', `method ${method} is refused by --reject-methods`, cause);
    }
    // Stryker disable next-line StringLiteral,BlockStatement: what follows says the same of such a path, but later
    if (serverPath === '' && !respellable.test(target.rawPath)) {
      if (!acceptPaths.matches(target.path)) throw notAccepted();
      if (rejectPaths.matches(target.path)) throw rejected(target.path);
      return;
    }
    const readings = readingsOf(target.path);
    if (!readings.every(reading => acceptPaths.matches(reading))) throw notAccepted();
    for (const reading of [target.rawPath, ...readings, ...readings.map(withoutFinalSlash)]) {
      for (const path of [reading, relativeTo(serverPath, reading)])
        if (rejectPaths.matches(path)) throw rejected(path);
    }
  };
}

/** For the log, not for the client: the expression that matches, as kubectl proxy logs it. */
function matched(list: RegexpList, text: string): { readonly cause: Error } {
  return {
    cause: new Error(`${JSON.stringify(list.find(text))} matches ${JSON.stringify(text.slice(0, 256))}`),
  };
}

/** The decoded path as it is, with single slashes, and with slashes in place of backslashes. */
function readingsOf(path: string): string[] {
  return [...new Set([path, collapse(path), collapse(path.replaceAll('\\', '/'))])];
}

function collapse(path: string): string {
  return path.replace(/\/{2,}/g, '/');
}

/** The API server ignores it. */
function withoutFinalSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** The rest of a path below the server's own path. That is where /api begins for an API server behind a path, such as Rancher's. */
function relativeTo(prefix: string, path: string): string {
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
}

function notAccepted(): Rejection {
  return new Rejection(403, 'path', 'the path is not in --accept-paths; add it to that list to allow it');
}
