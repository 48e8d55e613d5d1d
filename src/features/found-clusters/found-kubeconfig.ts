import { parseKubeconfig } from '../../kubeconfig/parse.js';
import type { AuthInfo } from '../../kubeconfig/types.js';
import { type FoundConfig, mostBytes, namesFile, refusal, resolveFound } from './found-config.js';

const origin = 'the kubeconfig';

/** What a kubeconfig of others may have: one of a cluster has some hundred pieces. To read so many takes some 10 ms. */
const limits = { pieces: 2_000, aliases: 10 };

const impersonation = 'is impersonation, which is for callers alone';

/** What the user must not have: it would read a file or run a program here, or act as somebody else. */
const refusedOfUser: { readonly [field in keyof AuthInfo]: string } = {
  'client-certificate': `${namesFile}: use client-certificate-data`,
  'client-key': `${namesFile}: use client-key-data`,
  tokenFile: `${namesFile}: use token`,
  exec: 'is a program, which is never run for it',
  'auth-provider': 'is a way to sign in, which is never used for it',
  as: impersonation,
  'as-uid': impersonation,
  'as-groups': impersonation,
  'as-user-extra': impersonation,
};

/** Reads a kubeconfig that others have written, and uses its current context. It reads no file, and the result names none. */
export function readFoundKubeconfig(bytes: Uint8Array): FoundConfig {
  if (bytes.length > mostBytes) return refusal([`${origin} has more than ${mostBytes} bytes`]);
  const parsed = parseKubeconfig(origin, Buffer.from(bytes).toString(), limits);
  return 'problems' in parsed
    ? refusal(parsed.problems)
    : resolveFound(origin, parsed.content, refusedOfUser);
}
