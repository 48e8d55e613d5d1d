import type { IdentityOptions } from '../authentication/identity.js';
import { type Check, everyMount, type Guard, type GuardParts } from './guard.js';
import { Rejection } from './rejection.js';

/** Where callers are authenticated, only the credential says who sends a request. With `--allow-impersonation`, it may name a user to act as. */
export const claimedIdentity = {
  name: 'claimed identity',
  stage: 'caller',
  options: {},
  reasons: ['impersonation', 'bad_request'],
  judges: everyMount,
  create(
    { allowImpersonation }: Pick<IdentityOptions, 'allowImpersonation'>,
    { authentication }: GuardParts,
  ): Check | undefined {
    return (
      authentication &&
      (({ head, mount: { isApi, namesContext } }) => {
        // A name that is no context gets the same answer as one that is.
        const mayImpersonate = allowImpersonation && (isApi || namesContext);
        rejectClaimedIdentity(head.rawHeaders, mayImpersonate ? requestedUserField : undefined);
      })
    );
  },
} as const satisfies Guard;

/** Fields that name the user to an API server that trusts the sender (RequestHeader authentication, and impersonation). */
const identityHeader = /^(?:impersonate|x-remote-(?:user|group|uid|extra))(?:-|s?$)/;

/** Fields by which a caller asks to act as another user, in the one spelling that every program reads alike. */
const requestedUserField = /^impersonate-(?:user$|group$|uid$|extra-)/i;

/**
 * For a proxy that authenticates its callers: rejects a request that names its user in a header field, or that has two credentials.
 * Spellings that some servers take for the same name count too, such as underscores, which CGI makes of hyphens. Throws a Rejection.
 *
 * @param allowed The fields that may name a user nevertheless: another guard judges them.
 */
export function rejectClaimedIdentity(rawHeaders: readonly string[], allowed?: RegExp): void {
  let credentials = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    switch (name.charCodeAt(0) | 0x20) {
      case 0x61:
        if (name.toLowerCase() === 'authorization') credentials += 1;
        break;
      case 0x69:
      case 0x78:
        if (!identityHeader.test(name.toLowerCase().replace(/[^a-z0-9]+/g, '-'))) break;
        if (allowed?.test(name) !== true) throw claimed();
        break;
    }
  }
  if (credentials > 1) {
    throw new Rejection(400, 'bad_request', 'the request has more than one Authorization header');
  }
}

function claimed(): Rejection {
  return new Rejection(
    403,
    'impersonation',
    'Impersonate-* and X-Remote-* headers are not accepted, because this proxy authenticates its callers and ' +
      'sends every request in the name of who made it; leave them out. With --allow-impersonation it accepts ' +
      'Impersonate-User, -Group, -Uid and -Extra-* for the API',
  );
}
