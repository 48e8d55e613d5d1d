import { randomUUID } from 'node:crypto';
import type { CertificatePair } from '../../../support/certificates/certificates.js';
import { type HttpAnswer, send } from '../../../support/clients/http-client.js';
import { selfReview, selfReviewPath } from '../../../support/clients/self-review.js';
import { AuditLog, type EventUser } from '../../../support/kube-apiserver/audit-log.js';
import type { Difference, Verdict } from './differences.js';

/** What a client presents, and what the API server has to make of it. */
export interface Credential {
  /** What is special about it. */
  readonly what: string;
  /** The Authorization fields in their order, with one character for each byte. */
  readonly authorization?: readonly string[];
  readonly certificate?: CertificatePair;
  /** Sec-WebSocket-Protocol. Then the request is an upgrade. */
  readonly protocols?: string;
  /** The name of the user; undefined if the API server answers 401, or ends the handshake. */
  readonly user: string | undefined;
  /** How the gateway differs from the API server. */
  readonly differs: readonly Difference[];
}

/** A bearer token as a credential. Its characters are written as UTF-8. */
export function bearer(
  what: string,
  token: string,
  user: string | undefined,
  ...differs: readonly Difference[]
): Credential {
  const authorization = [`Bearer ${Buffer.from(token).toString('latin1')}`];
  return { what, authorization, user, differs };
}

/** A server that says who sends a request. */
export interface Asked {
  readonly port: number;
  /** PEM of the authority of its certificate. */
  readonly ca: string;
  /** Path of the audit log of the API server. */
  readonly auditLog: string;
}

const review = Buffer.from(selfReview);
const upgradePath = '/api/v1/namespaces/default/pods/none/exec?command=id&stdout=true';

/** Asks a server who the user of a credential is: by a SelfSubjectReview, and for an upgrade by the API server's audit log. */
export async function verdictOf(asked: Asked, credential: Credential): Promise<Verdict> {
  const { certificate, protocols } = credential;
  const auditId = randomUUID();
  const isUpgrade = protocols !== undefined;
  const question = {
    method: isUpgrade ? 'GET' : 'POST',
    headers: [
      ...['Host', `127.0.0.1:${asked.port}`, 'Audit-Id', auditId],
      ...(credential.authorization ?? []).flatMap(value => ['Authorization', value]),
      ...(isUpgrade
        ? upgradeHeaders(protocols)
        : ['Content-Type', 'application/json', 'Content-Length', String(review.length)]),
    ],
    // A text would be written together with the head, and both as UTF-8.
    ...(!isUpgrade && { body: review }),
    tls: { ca: asked.ca, cert: certificate?.certificate, key: certificate?.key },
  };
  const answer = await send(asked.port, isUpgrade ? upgradePath : selfReviewPath, question).catch(
    endOfHandshake,
  );
  const { status, text: body } = answer;
  if (status === 400 || status === 401) return status;
  if (status === 201) {
    const { status: review } = JSON.parse(body) as { readonly status: { readonly userInfo: EventUser } };
    return toVerdict(review.userInfo);
  }
  // The gateway's own rejections, which say what is wrong with the user.
  if (
    status === 403 &&
    /is reserved by Kubernetes|no impersonation header can carry|a user without a name/.test(body)
  )
    return 403;
  if (status !== 403 || !isUpgrade) throw new Error(`${credential.what}: ${status} ${body}`);
  const { user, impersonatedUser } = await new AuditLog(asked.auditLog).event(auditId, 'ResponseComplete');
  return toVerdict(impersonatedUser ?? user);
}

function toVerdict({ username = '', uid = '', groups = [], extra = {} }: EventUser): Required<EventUser> {
  return { username, uid, groups: [...groups].sort(), extra };
}

function upgradeHeaders(protocols: string): string[] {
  return [
    ...['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Version', '13'],
    ...['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol', protocols],
  ];
}

/** Go ends the handshake if it cannot read a certificate: up to 1.25 with one alert, from 1.26 on (Kubernetes 1.36) with the other. */
function endOfHandshake(error: NodeJS.ErrnoException): Pick<HttpAnswer, 'status' | 'text'> {
  if (/_ALERT_(BAD_CERTIFICATE|DECODE_ERROR)$/.test(error.code ?? '')) return { status: 401, text: '' };
  throw error;
}
