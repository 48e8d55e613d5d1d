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
  readonly code: number;
}

/** A failure that this program answers by itself: thrown anywhere in a request, written by one handler. */
export class StatusError extends Error {
  override readonly name = 'StatusError';

  /**
   * @param code HTTP status code.
   * @param message What is wrong and the way out; goes to the client as it is, so it holds no secrets.
   */
  constructor(
    readonly code: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** The object for the response's body. */
  toStatus(): Status {
    return createStatus(this.code, this.message);
  }
}

/** A `Status` for an HTTP status code; an unnamed code has an empty reason, as `metav1.StatusReasonUnknown`. */
export function createStatus(code: number, message: string): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: reasons[code] ?? '',
    code,
  };
}
