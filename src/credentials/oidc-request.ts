import { Agent, type buildConnector, type Dispatcher, request } from 'undici';
import { connectionFailure } from '../lib/connection-failure.js';
import { withDeadline } from '../lib/promises.js';
import { CredentialError } from './credential.js';

/**
 * Opens connections to issuers, for undici. Without an authority, the well-known ones are trusted. If it fails with a CredentialError, its
 * message becomes part of the message about the issuer.
 */
export type IssuerDial = (certificateAuthority: Buffer | undefined) => buildConnector.connector;

/** Milliseconds for one exchange with the issuer, including the connection. */
const exchangeTimeout = 30_000;
/** Maximum bytes of an answer, as in golang.org/x/oauth2. */
const maxBytes = 1024 * 1024;

/** An answer of the issuer. */
export interface IssuerAnswer {
  readonly status: number;
  /** Media type without parameters, in lower case; empty if there is none. */
  readonly mediaType: string;
  readonly text: string;
}

/** The connections for some requests to the issuer, which end if an answer is too large. Destroy them after that. */
export function createIssuerDispatcher(
  dial: IssuerDial,
  certificateAuthority: Buffer | undefined,
): Dispatcher {
  return new Agent({ connect: dial(certificateAuthority), maxResponseSize: maxBytes });
}

/**
 * Sends one request to the issuer: a GET, or a POST if there is a form. Redirects are not followed. Rejects with a CredentialError that has
 * no cause, because undici's errors may contain bytes of the answer, and so a token.
 */
export async function askIssuer(
  url: URL,
  {
    dispatcher,
    signal,
    form,
    authorization,
    authorityName = 'idp-certificate-authority(-data)',
  }: {
    readonly dispatcher: Dispatcher;
    readonly signal: AbortSignal;
    readonly form?: URLSearchParams;
    readonly authorization?: string;
    /** The option that sets the authority of the issuer's certificate. */
    readonly authorityName?: string;
  },
): Promise<IssuerAnswer> {
  try {
    return await withDeadline(exchangeTimeout, signal, async end => {
      const { statusCode, headers, body } = await request(url, {
        dispatcher,
        signal: end,
        method: form === undefined ? 'GET' : 'POST',
        body: form === undefined ? null : form.toString(),
        headers: {
          accept: 'application/json',
          'user-agent': 'kube-api-proxy',
          ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          ...(authorization === undefined ? {} : { authorization }),
        },
      });
      const [mediaType = ''] = String(headers['content-type'] ?? '').split(';');
      return { status: statusCode, mediaType: mediaType.trim().toLowerCase(), text: await body.text() };
    });
  } catch (error) {
    throw new CredentialError(
      `${describeIssuer(url)} cannot be used: ${describeFailure(error, authorityName)}`,
    );
  }
}

/** The beginning of the issuer's address for a message, without its query. The issuer's own answer may name an address of any length. */
export function describeIssuer({ origin, pathname }: URL): string {
  return `the OpenID Connect issuer at ${(origin + pathname).slice(0, 200)}`;
}

/** Describes the error by its code. Its message is not used, because it may quote received bytes. */
function describeFailure(error: unknown, authorityName: string): string {
  if (error instanceof CredentialError) return error.message;
  if (!(error instanceof Error)) return 'the connection failed';
  if (error.name === 'HTTPParserError') return 'its answer is not valid HTTP/1.1';
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return 'its answer is too large';
  if (error.name === 'TimeoutError') return 'it does not answer';
  const failure = connectionFailure(code === 'UND_ERR_SOCKET' ? 'ECONNRESET' : code);
  if (failure?.reason === 'tls_unknown_authority') return `${failure.words}; check ${authorityName}`;
  if (failure !== undefined) return failure.words;
  return /^[A-Z_0-9]+$/.test(code) ? `the connection failed (${code})` : 'the connection failed';
}
