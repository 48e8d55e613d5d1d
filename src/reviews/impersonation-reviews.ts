import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import { OwnRefusalError } from '../clusters/own-request.js';
import { impersonationOf } from '../kubernetes/impersonation.js';
import type { ImpersonatedAttribute } from '../kubernetes/impersonation-rights.js';
import { refusedGroup } from '../kubernetes/refused-group.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import { parseObject } from '../lib/json.js';
import { refusedCredential, UpstreamError } from '../transport/upstream-error.js';
import { TooManyReviewsError } from './authorizer.js';
import { ForbiddenError, forbiddenMessage } from './forbidden.js';
import type { Question, Reviews, Verdict } from './reviews.js';

/** Who asks to impersonate, and the API server that decides. */
interface Impersonator {
  readonly caller: UserInfo;
  readonly cluster: Cluster;
  /** The endpoint that the caller's request is judged for. No other one may answer a review. */
  readonly endpoint: Endpoint;
  readonly mount: { readonly namesContext: boolean };
}

/**
 * Asks whether a caller may impersonate, by reviews that are sent as the caller. Resolves if the caller may impersonate all of these.
 * Rejects with a StatusError: of 403 in the API server's words about the first one that the caller may not impersonate, of 503 if the API
 * server does not say it or has too many reviews of the caller, of 502 if it refuses the proxy's own credential.
 */
export async function permitImpersonation(
  reviews: Pick<Reviews, 'ask'>,
  impersonator: Impersonator,
  attributes: readonly ImpersonatedAttribute[],
): Promise<void> {
  const { caller } = impersonator;
  const verdicts = await Promise.allSettled(
    attributes.map(asked =>
      reviews.ask(impersonationQuestion(impersonator, asked)).then(check(caller, asked)),
    ),
  );
  const [failed] = verdicts.filter(verdict => verdict.status === 'rejected');
  if (failed !== undefined) throw withoutAnswer(failed.reason, caller);
}

/** Whether the caller may impersonate this. */
export function impersonationQuestion(
  { caller, cluster, endpoint, mount }: Impersonator,
  asked: ImpersonatedAttribute,
): Question {
  return {
    cluster,
    as: impersonationOf(caller),
    attributes: { resourceAttributes: asked },
    access: { judgedFor: endpoint.identity, namesContext: mount.namesContext },
  };
}

/** The API server refuses an impersonation about which its authorizer has an error, whatever else that says. */
function check({ username }: UserInfo, asked: ImpersonatedAttribute) {
  return ({ isAllowed, hasError, reason, deniedBy }: Verdict) => {
    if (isAllowed && !hasError) return;
    throw new ForbiddenError(forbiddenMessage(username, { resourceAttributes: asked }, reason), deniedBy);
  };
}

/** The error for the caller when a review has no answer, or another one than whether the caller is allowed. */
function withoutAnswer(error: Error, { groups }: UserInfo): StatusError {
  if (error instanceof StatusError && (error.code === 503 || error.code === 403)) return error;
  if (error instanceof UpstreamError && error.reason === 'credential') return error;
  if (error instanceof OwnRefusalError) {
    if (error.status === 401) return refusedCredential();
    // The caller may not ask, or the proxy may not act as the caller.
    if (error.status < 500 && error.status !== 429) {
      return refusedGroup(error.body, groups) ?? new StatusError(403, messageOf(error));
    }
  }
  if (error instanceof TooManyReviewsError) {
    const message = `${error.asked} has too many questions at this moment about whom you may impersonate; try again`;
    return new StatusError(503, message, { retryAfterSeconds: 1 });
  }
  const reason = error instanceof UpstreamError ? error.reason : 'other';
  const message = `it is not known whether you may impersonate: ${error.message}`;
  return new UpstreamError(503, reason, message, { cause: error });
}

/** The message of the API server's Status. */
function messageOf({ body, message }: OwnRefusalError): string {
  return String(parseObject(body)?.['message'] ?? message);
}
