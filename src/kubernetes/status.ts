/** The reasons that apimachinery's `metav1.StatusReason` has for what a proxy can answer by itself. */
type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'RequestEntityTooLarge'
  | 'TooManyRequests'
  | 'InternalError'
  | 'BadGateway'
  | 'ServiceUnavailable'
  | 'Timeout';

const reasons: Readonly<Record<number, StatusReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  413: 'RequestEntityTooLarge',
  429: 'TooManyRequests',
  500: 'InternalError',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** Kubernetes' `Status` object as kubectl and client libraries print it (apimachinery `meta/v1.Status`). */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Record<string, never>;
  readonly status: 'Failure';
  readonly message: string;
  readonly reason: StatusReason | '';
  readonly details?: StatusDetails;
  readonly code: number;
}

/** The one of `StatusDetails`' fields that a proxy has something to say in. */
interface StatusDetails {
  /** When the client may try again; the Retry-After header says the same. */
  readonly retryAfterSeconds: number;
}

/** A failure that this program answers by itself: thrown anywhere in a request, written by one handler. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  /** Seconds after which the client may try again; undefined where nobody knows. */
  readonly retryAfterSeconds: number | undefined;

  /**
   * @param code HTTP status code.
   * @param message What is wrong and the way out; goes to the client as it is, so it holds no secrets.
   */
  constructor(
    readonly code: number,
    message: string,
    { retryAfterSeconds, ...options }: ErrorOptions & { readonly retryAfterSeconds?: number } = {},
  ) {
    super(message, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The object for the response's body. */
  toStatus(): Status {
    const { code, message, retryAfterSeconds } = this;
    return createStatus(code, message, retryAfterSeconds === undefined ? undefined : { retryAfterSeconds });
  }
}

/** A `Status` for an HTTP status code; an unnamed code has an empty reason, as `metav1.StatusReasonUnknown`. */
export function createStatus(code: number, message: string, details?: StatusDetails): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: reasons[code] ?? '',
    ...(details === undefined ? {} : { details }),
    code,
  };
}
