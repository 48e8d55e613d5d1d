/** The reasons of apimachinery's `metav1.StatusReason` that a proxy needs for its own answers. */
const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  429: 'TooManyRequests',
  500: 'InternalError',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** Kubernetes' `Status` object (apimachinery `meta/v1.Status`). kubectl and client libraries print it. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Record<string, never>;
  readonly status: 'Failure';
  readonly message: string;
  /** Empty for a code without a name, as `metav1.StatusReasonUnknown` is. */
  readonly reason: string;
  /** The seconds are those of the Retry-After header. */
  readonly details?: { readonly retryAfterSeconds: number };
  readonly code: number;
}

/** Is told how a failure is counted. */
export interface FailureObserver {
  /** The proxy itself did not let the request pass, for this reason. */
  rejected(reason: string): void;
  /** The request failed on the way to the API server or back, for this reason. */
  failedUpstream(reason: string): void;
  /** The API server does not let the proxy impersonate this group of a caller. */
  refusedGroup(group: string): void;
}

/** What a failure may have besides its code and its message. */
export interface StatusErrorOptions extends ErrorOptions {
  readonly retryAfterSeconds?: number;
  readonly text?: string;
}

/** A failure that the proxy answers itself. Any code that serves a request may throw it; one handler writes the answer. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  /** HTTP status code. */
  readonly code: number;
  /** Seconds after which the client may try again; undefined if that is not known. */
  readonly retryAfterSeconds: number | undefined;
  /** The body of the answer, where the API server answers with plain text; undefined for a Status. */
  readonly text: string | undefined;

  /** @param message What is wrong and what to do about it. It goes to the client, so it must not contain secrets. */
  constructor(
    code: number,
    message: string,
    { retryAfterSeconds, text, ...options }: StatusErrorOptions = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
    this.text = text;
  }

  /** Tells how the failure is counted besides its code. Most failures are not. */
  count(_observer: FailureObserver): void {}

  /** The object for the body of the answer. */
  toStatus(): Status {
    return createStatus(this.code, this.message, this.retryAfterSeconds);
  }
}

/** A `Status` for an HTTP status code. */
export function createStatus(code: number, message: string, retryAfterSeconds?: number): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: reasons[code] ?? '',
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
    code,
  };
}
