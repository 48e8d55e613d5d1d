import { quoted } from '../../kubernetes/quoted.js';
import type { WebhookAnswer } from './configuration.js';

/** What a call of a webhook counts as in the metrics. */
export type CallResult = 'success' | 'timeout' | 'error';

/** A webhook has not said what it thinks. */
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

/** The API server follows these, and reads the answer there. */
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** The longest text of an answer in a message. */
const longestText = 2_048;

/** The error of an answer that is no success. As for client-go, some may be asked again. */
export function errorOf({ status, retryAfter = '', text }: WebhookAnswer): WebhookError {
  const said = text.slice(0, longestText).trim();
  const seconds = /^\d+$/.test(retryAfter) && (status === 429 || status >= 500) ? Number(retryAfter) : 0;
  return new WebhookError(`the webhook answered ${status}${said === '' ? '' : `: ${quoted(said)}`}`, {
    result: status === 504 ? 'timeout' : 'error',
    alwaysDenies: redirects.has(status),
    mayRecover: seconds > 0 || status === 429 || (status >= 500 && status !== 503),
    retryAfter: 1_000 * seconds,
  });
}
