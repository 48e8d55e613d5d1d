import { StatusError } from '../kubernetes/status.js';
import type { RejectionReason } from '../observability/metrics.js';

/** A request that a guard does not let pass: answered with a Status that names the rule and the way out. */
export class Refusal extends StatusError {
  /** Whether nothing more is read from the connection that it came on. */
  readonly endsConnection: boolean;

  constructor(
    code: number,
    readonly rejection: RejectionReason,
    message: string,
    { endsConnection = false, ...options }: { endsConnection?: boolean; retryAfterSeconds?: number } = {},
  ) {
    super(code, message, options);
    this.endsConnection = endsConnection;
  }
}
