import { Refusal } from './refusal.js';
import type { RegexpList } from './regexp-list.js';
import type { RequestTarget } from './request-target.js';

/** Judges a request by its method and path; throws a Refusal. */
export type Filter = (method: string, target: RequestTarget) => void;

/** kubectl proxy's four lists, less the hosts. */
export interface FilterRules {
  readonly acceptPaths: RegexpList;
  readonly rejectPaths: RegexpList;
  readonly rejectMethods: RegexpList;
  /** Path of the kubeconfig's server URL, which a client sends itself unless --append-server-path is given. */
  readonly serverPath: string;
}

/** Anything by which one path can be spelled in two ways. */
const respellable = /[%\\]|\/\/|.\/$/;

/**
 * kubectl's path and method filter (`pkg/proxy.FilterServer`), on every reading that the API server, or something behind it,
 * could have of the path: a rule that its plain spelling meets is met by the others too.
 */
export function createFilter({ acceptPaths, rejectPaths, rejectMethods, serverPath }: FilterRules): Filter {
  return (method, target) => {
    if (rejectMethods.matches(method)) {
      throw new Refusal(403, 'method', `method ${method} is refused by --reject-methods`);
    }
    const accepted = acceptPaths.matches(target.path);
    if (!accepted || rejectPaths.matches(target.path)) throw refusal(accepted);
    if (respellable.test(target.rawPath)) {
      const collapsed = target.path.replace(/\/{2,}/g, '/');
      if (!acceptPaths.matches(collapsed)) throw refusal(false);
      for (const reading of [target.rawPath, collapsed, ...otherReadings(collapsed)]) {
        if (rejectPaths.matches(reading)) throw refusal(true);
      }
    }
    if (serverPath !== '' && rejectPaths.matches(relativeTo(serverPath, target.path))) throw refusal(true);
  };
}

function otherReadings(path: string): string[] {
  const trimmed = path.replace(/(.)\/$/, '$1');
  const slashed = trimmed.replace(/\\/g, '/').replace(/\/{2,}/g, '/');
  return slashed === trimmed ? [trimmed] : [trimmed, slashed];
}

/** What is left of a path below the server's own: where /api begins for the API server behind a path such as Rancher's. */
function relativeTo(serverPath: string, path: string): string {
  const collapsed = path.replace(/\/{2,}/g, '/');
  return collapsed.startsWith(`${serverPath}/`) ? collapsed.slice(serverPath.length) : path;
}

function refusal(accepted: boolean): Refusal {
  return accepted
    ? new Refusal(403, 'path', 'the path is refused by --reject-paths; change that list to allow it')
    : new Refusal(403, 'path', 'the path is not in --accept-paths; add it to that list to allow it');
}
