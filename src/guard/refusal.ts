import { StatusError } from '../kubernetes/status.js';

/** Why a guard did not let a request pass: the values of `reason` in kube_api_proxy_rejected_requests_total. */
export const rejectionReasons = [
  'bad_request',
  'host',
  'path',
  'method',
  'origin',
  'impersonation',
  'unauthenticated',
  'identity',
  'read_only',
  'namespace',
  'resource',
  'max_inflight',
  'max_longrunning',
  'user_inflight',
  'user_longrunning',
  'rate_limit',
] as const;
export type RejectionReason = (typeof rejectionReasons)[number];

/** What else there is to a refusal. */
interface RefusalOptions extends ErrorOptions {
  readonly endsConnection?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly retryAfterSeconds?: number;
}

/** A request that a guard does not let pass: answered with a Status that names the rule and the way out. */
export class Refusal extends StatusError {
  /** Whether nothing more is read from the connection that it came on. */
  readonly endsConnection: boolean;
  /** What goes with the answer beside its body. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: number,
    readonly rejection: RejectionReason,
    message: string,
    { endsConnection = false, headers = {}, ...options }: RefusalOptions = {},
  ) {
    super(code, message, options);
    this.endsConnection = endsConnection;
    this.headers = headers;
  }
}
