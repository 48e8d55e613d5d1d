import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { CertificateAuthority } from '../certificates/certificates.js';

/** A request that the issuer received at its token endpoint. */
interface TokenRequest {
  readonly authorization: string | undefined;
  readonly form: Readonly<Record<string, string>>;
}

/** An answer of the token endpoint; without a content type an object becomes JSON. */
interface TokenAnswer {
  readonly status?: number;
  readonly contentType?: string;
  readonly body: string | object;
}

/** An OpenID Connect issuer that the test controls. `answer` and `metadata` may be replaced at any time. */
export type OidcIssuer = Awaited<ReturnType<typeof startOidcIssuer>>;

const issuerPath = '/realms/test';

/**
 * Starts an issuer on 127.0.0.1 with a certificate of the authority. It refuses every refresh until `answer` is set.
 *
 * @param host A name for it that only a proxy knows.
 */
export async function startOidcIssuer(
  authority: CertificateAuthority,
  { port = 0, host }: { readonly port?: number; readonly host?: string } = {},
) {
  const { certificate, key } = await authority.server(host === undefined ? {} : { dns: [host] });
  let held: Promise<void> | undefined;
  const server = createServer({ cert: certificate, key });
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve));
  const origin = `https://${host ?? '127.0.0.1'}:${(server.address() as AddressInfo).port}`;
  const url = origin + issuerPath;
  const issuer = {
    /** `https://127.0.0.1:PORT/realms/test`, unless it has another name. */
    url,
    requests: [] as TokenRequest[],
    /** How often the discovery document was asked for, and the keys. */
    discoveries: 0,
    keyRequests: 0,
    /** The discovery document; a string is sent unchanged. */
    metadata: { issuer: url, token_endpoint: `${url}/token`, jwks_uri: `${url}/keys` } as
      | string
      | Record<string, unknown>,
    /** The keys at its jwks_uri; a string is sent unchanged. */
    jwks: { keys: [] } as string | { readonly keys: readonly object[] },
    /** The status of both answers. */
    status: 200,
    answer: (_request: TokenRequest): TokenAnswer | Promise<TokenAnswer> => ({
      ...{ status: 400, body: { error: 'invalid_grant' } },
    }),
    /** From now on it answers requests for its discovery document only after this promise resolves. */
    hold(until: Promise<void>): void {
      held = until;
    },
    close: (): Promise<void> =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  server.on('request', (request, response) => {
    serve(issuer, request, response, held).catch((error: unknown) => response.destroy(error as Error));
  });
  return issuer;
}

async function serve(
  issuer: OidcIssuer,
  request: IncomingMessage,
  response: ServerResponse,
  held: Promise<void> | undefined,
): Promise<void> {
  const body = await text(request);
  if (request.method === 'GET' && request.url === `${issuerPath}/.well-known/openid-configuration`) {
    issuer.discoveries++;
    await held;
    const { metadata } = issuer;
    response.writeHead(issuer.status, { 'Content-Type': 'application/json' });
    response.end(typeof metadata === 'string' ? metadata : JSON.stringify(metadata));
    return;
  }
  if (request.method === 'GET' && request.url === `${issuerPath}/keys`) {
    issuer.keyRequests++;
    response.writeHead(issuer.status, { 'Content-Type': 'application/json' });
    response.end(typeof issuer.jwks === 'string' ? issuer.jwks : JSON.stringify(issuer.jwks));
    return;
  }
  const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded';
  if (request.method !== 'POST' || !isForm || request.url !== `${issuerPath}/token`) {
    response.writeHead(404).end();
    return;
  }
  const received = {
    authorization: request.headers.authorization,
    form: Object.fromEntries(new URLSearchParams(body)),
  };
  issuer.requests.push(received);
  const { status = 200, contentType, body: answer } = await issuer.answer(received);
  response.writeHead(status, { 'Content-Type': contentType ?? 'application/json' });
  response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
}

let issued = 0;

/** An id-token that expires at that time. Each one is different, and its signature is not valid. */
export function createIdToken(expires: Date | undefined): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: 'alice', jti: String(++issued) };
  const exp = expires === undefined ? {} : { exp: Math.floor(expires.getTime() / 1000) };
  return `${part({ alg: 'RS256' })}.${part({ ...claims, ...exp })}.c2lnbmF0dXJl`;
}
