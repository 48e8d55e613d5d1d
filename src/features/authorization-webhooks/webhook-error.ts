import { quoted } from '../../kubernetes/quoted.js';
import { isObject, parseObject } from '../../lib/json.js';
import type { WebhookAnswer } from './configuration.js';

/** What a call of a webhook counts as in the metrics. */
export type CallResult = 'success' | 'timeout' | 'error';

/** A webhook has not said what it thinks. The message is that of the API server. */
export class WebhookError extends Error {
  readonly result: CallResult;
  /** Whether it counts as a denial, whatever `failurePolicy` says: the API server may read a denial in the same answer. */
  readonly alwaysDenies: boolean;
  /** Whether it may say it if it is asked again. */
  readonly mayRecover: boolean;
  /** Milliseconds that it asks to wait before that. */
  readonly retryAfter: number;

  constructor(
    message: string,
    {
      result = 'error',
      alwaysDenies = false,
      mayRecover = false,
      retryAfter = 0,
    }: Partial<WebhookError> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.result = result;
    this.alwaysDenies = alwaysDenies;
    this.mayRecover = mayRecover;
    this.retryAfter = retryAfter;
  }
}

/** The messages of client-go for answers without a Status (apimachinery `NewGenericServerResponse`). */
const messages: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};
/** Those whose message is the text of the answer. */
const withOwnText: ReadonlySet<number> = new Set([403, 406, 415]);
const recovering: ReadonlySet<unknown> = new Set([
  'InternalError',
  'Timeout',
  'TooManyRequests',
  'ServerTimeout',
]);
/** The API server follows these, and reads the answer there. */
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** The longest text of an answer in a message. */
const longestText = 2_048;

/** The error of an answer that is no success, as client-go reads it (`transformResponse`): from its Status, if it has one. */
export function errorOf({ status, contentType = '', retryAfter = '', text }: WebhookAnswer): WebhookError {
  const common = {
    result: status === 504 ? 'timeout' : 'error',
    alwaysDenies: redirects.has(status),
  } as const;
  const told = statusOf(text);
  const seconds = /^\d+$/.test(retryAfter) && (status === 429 || status >= 500) ? Number(retryAfter) : 0;
  if (told !== undefined) {
    const details = isObject(told['details']) ? Number(told['details']['retryAfterSeconds'] ?? 0) : 0;
    const mayRecover = recovering.has(told['reason']) || details > 0 || seconds > 0;
    return new WebhookError(String(told['message'] ?? ''), {
      ...common,
      mayRecover,
      retryAfter: 1_000 * Math.max(details, seconds),
    });
  }
  const isText = contentType === '' || contentType.startsWith('text/');
  const own = isText ? text.slice(0, longestText).trim() : 'unknown';
  const isInternal = status >= 500 && status !== 503 && status !== 504;
  const mayRecover = isInternal || status === 504 || status === 429 || seconds > 0;
  return new WebhookError(messageOf(status, own), { ...common, mayRecover, retryAfter: 1_000 * seconds });
}

function messageOf(status: number, text: string): string {
  const known = withOwnText.has(status) ? text : messages[status];
  if (known !== undefined) return known;
  return status >= 500
    ? `an error on the server (${quoted(text)}) has prevented the request from succeeding`
    : `the server responded with the status code ${status} but did not return more information`;
}

function statusOf(text: string) {
  const body = parseObject(text);
  const isStatus = (body?.['kind'] ?? 'Status') === 'Status' && (body?.['apiVersion'] ?? 'v1') === 'v1';
  return isStatus && body?.['status'] === 'Failure' ? body : undefined;
}
