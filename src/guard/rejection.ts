import { StatusError } from '../kubernetes/status.js';

/** What else there is to a rejection. */
interface RejectionOptions extends ErrorOptions {
  readonly endsConnection?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly retryAfterSeconds?: number;
}

/** A request that a guard does not let pass: answered with a Status that names the rule and the way out. */
export class Rejection extends StatusError {
  /** Whether nothing more is read from the connection that it came on. */
  readonly endsConnection: boolean;
  /** What goes with the answer beside its body. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: number,
    /** One of its guard's reasons. */
    readonly reason: string,
    message: string,
    { endsConnection = false, headers = {}, ...options }: RejectionOptions = {},
  ) {
    super(code, message, options);
    this.endsConnection = endsConnection;
    this.headers = headers;
  }
}
