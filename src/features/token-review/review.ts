import type { BearerToken } from '../../authentication/bearer-token.js';
import { AuthenticationError, admitUser, type CallerRules } from '../../authentication/identity.js';
import type { Cluster } from '../../clusters/cluster.js';
import { postReview } from '../../clusters/own-request.js';
import { readIdToken } from '../../kubeconfig/id-token.js';
import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { isObject, parseObject } from '../../lib/json.js';
import { refusedCredential } from '../../transport/upstream-error.js';
import type { VerifiedUser } from '../common/token-cache.js';

/** The options of a review. */
export interface TokenReviewOptions {
  /** A token must be for one of these audiences. If empty, it must be for the API server itself. */
  readonly audiences: readonly string[];
  readonly rules: CallerRules;
  /** Called with the seconds that each review took. */
  readonly reviewed: (seconds: number) => void;
}

const apiVersion = 'authentication.k8s.io/v1';
const timeout = 10_000;

/** The fields of authentication.k8s.io/v1's `TokenReviewStatus` that are used here. Go may write an empty list as null. */
interface ReviewStatus {
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly audiences?: readonly string[] | null;
  readonly user?: {
    readonly username?: string;
    readonly uid?: string;
    readonly groups?: readonly string[] | null;
    readonly extra?: Readonly<Record<string, readonly string[] | null>> | null;
  };
}

/**
 * Asks a cluster's API server for the user of a token, with the proxy's own identity (k8s.io/apiserver `token/webhook`). Rejects with an
 * AuthenticationError if the API server does not know the token, and with a StatusError of 500 or more if the review fails.
 */
export function createTokenReview(
  options: TokenReviewOptions,
): (token: BearerToken, cluster: Cluster) => Promise<VerifiedUser> {
  const { audiences, rules, reviewed } = options;
  return async ({ text }, cluster) => {
    const spec = {
      token: Buffer.from(text, 'latin1').toString('utf8'),
      ...(audiences.length === 0 ? {} : { audiences }),
    };
    const start = performance.now();
    const answer = await postReview(cluster, { apiVersion, kind: 'TokenReview', spec, timeout }).finally(() =>
      reviewed((performance.now() - start) / 1000),
    );
    const status = readStatus(answer);
    if (status.authenticated !== true)
      throw new AuthenticationError('the API server does not know the token');
    if (audiences.length > 0 && !status.audiences?.some(audience => audiences.includes(audience))) {
      throw new AuthenticationError('the token is for another audience than --api-audiences');
    }
    const expires = readIdToken(text)?.expires?.getTime();
    return { user: admitUser({ ...toUserInfo(status.user), expires }, rules), expires };
  };
}

function readStatus({ status, text }: { readonly status: number; readonly text: string }): ReviewStatus {
  if (status === 401) throw refusedCredential();
  if (status !== 201 && status !== 200) {
    // The API server's message would name the proxy's own identity.
    const isForbidden = status === 403;
    throw new StatusError(
      isForbidden ? 500 : 503,
      `callers cannot be authenticated: the API server answers ${status} to a TokenReview` +
        (isForbidden ? "; the proxy's identity needs the verb create on tokenreviews" : ''),
    );
  }
  const told = parseObject(text)?.['status'];
  if (isObject(told)) return told as ReviewStatus;
  throw new StatusError(503, "callers cannot be authenticated: the API server's answer is not a TokenReview");
}

function toUserInfo({ username = '', uid, groups, extra }: ReviewStatus['user'] = {}): UserInfo {
  const fields = Object.entries(extra ?? {}).map(([key, values]) => [key, values ?? []] as const);
  return { username, uid, groups: groups ?? [], extra: new Map(fields) };
}
