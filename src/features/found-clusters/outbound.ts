import { reservedName } from '../../authentication/identity.js';
import { withoutBearerProtocol } from '../../kubernetes/bearer-protocol.js';
import { impersonationPrefix, namedUser } from '../../kubernetes/impersonation.js';
import { type FailureObserver, StatusError } from '../../kubernetes/status.js';
import type { OutboundRequest } from '../../transport/access.js';

/** Service accounts may act in each cluster, as whatever it lets an account of their name do. */
const rules = { allowed: new Set<string>(), serviceAccounts: true };

/** Fields by whose names programs in front of this one send what says who somebody is. An API server reads none of them. */
const credentialField = /auth|cookie|token|assertion|jwt|oidc|secret|password|api-?key/i;

/** A request must not be sent to a found cluster: a 403 that says why. */
class UnsentError extends StatusError {
  readonly reason = 'identity';

  constructor(message: string) {
    super(403, message);
  }

  override count(observer: FailureObserver): void {
    observer.rejected(this.reason);
  }
}

/** The fields that named nobody who is refused: those of a caller are the same list in each request. */
const judged = new WeakSet<readonly string[]>();

/**
 * What may be sent to a found cluster, which belongs to whoever wrote its object: no credential of a client, whatever field it is in. Nor does
 * the gateway act there as a user whom Kubernetes reserves, because its credential there may be that of an administrator: nobody else would
 * refuse it.
 */
export function outboundFields({ headers, impersonation }: OutboundRequest): readonly string[] {
  const fields: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    const value = headers[index + 1] as string;
    const key = name.toLowerCase();
    if (
      key === 'authorization' ||
      (key === 'sec-websocket-protocol' && withoutBearerProtocol(value) !== value)
    ) {
      throw new UnsentError(
        'a cluster that was found gets no credential of a client: leave it out, and the request is sent with that of the cluster itself',
      );
    }
    if (key.startsWith(impersonationPrefix) || !credentialField.test(key)) fields.push(name, value);
  }
  refuseReserved(headers);
  if (impersonation !== 'configured' && !judged.has(impersonation)) {
    refuseReserved(impersonation);
    judged.add(impersonation);
  }
  return fields;
}

function refuseReserved(list: readonly string[]): void {
  const user = namedUser(list);
  const reserved = user && reservedName(user, rules);
  if (reserved !== undefined) {
    throw new UnsentError(
      `${reserved} is reserved by Kubernetes, and this proxy acts as no such user in a cluster that was found`,
    );
  }
}
