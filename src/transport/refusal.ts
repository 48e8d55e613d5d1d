import { hasField } from '../http/header-fields.js';
import { namedUser } from '../kubernetes/impersonation.js';
import { refusedGroup } from '../kubernetes/refused-group.js';
import type { UpstreamRequest } from './upstream-request.js';

/**
 * A field of the answers to requests that have passed authentication and impersonation: the API server's priority and fairness filter comes
 * later. A 401 with it is that of an aggregated API.
 */
export const fairnessField = 'x-kubernetes-pf-flowschema-uid';

/** Bytes. A longer 403 is passed on as it comes. */
export const longestRefusal = 128 * 1024;

/** What an API server with constrained impersonation says if it names none of the rights of legacy impersonation. YAML breaks long lines. */
const ofConstrained = /\bcannot\s+impersonate(?:-on)?:/;

/** Whether a 403 may say that the proxy may not impersonate a group, and the client of the request must not take it for a refusal of its own. */
export function mayBeAboutProxy(headers: readonly string[], request: UpstreamRequest): boolean {
  const { hidesRefusal, impersonation } = request;
  return hidesRefusal && typeof impersonation === 'object' && !hasField(headers, fairnessField);
}

/**
 * What a client gets in place of a 403: a RefusedGroupError if that is about a group of the request's user, and the error that names the
 * missing right if that is another one than the answer says. Undefined if it gets the answer.
 *
 * @param text The answer, if it was read.
 */
export async function errorInPlaceOf(
  text: string | undefined,
  { impersonation, missingRight }: UpstreamRequest,
): Promise<Error | undefined> {
  if (text === undefined) return undefined;
  const groups = namedUser(impersonation as readonly string[])?.groups ?? [];
  return refusedGroup(text, groups) ?? (ofConstrained.test(text) ? missingRight?.() : undefined);
}
