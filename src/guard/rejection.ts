import { type FailureObserver, StatusError, type StatusErrorOptions } from '../kubernetes/status.js';

/** What a rejection may have besides its status, reason and message. */
interface RejectionOptions extends StatusErrorOptions {
  readonly endsConnection?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A guard does not let a request pass. The answer is a Status that names the rule, and what to do, if no authorizer's words are it. */
export class Rejection extends StatusError {
  /** One of the reasons of its guard. */
  readonly reason: string;
  /** Whether nothing more is read from the connection of the request. */
  readonly endsConnection: boolean;
  /** Header fields of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: number,
    reason: string,
    message: string,
    { endsConnection = false, headers = {}, ...options }: RejectionOptions = {},
  ) {
    super(code, message, options);
    this.reason = reason;
    this.endsConnection = endsConnection;
    this.headers = headers;
  }

  override count(observer: FailureObserver): void {
    observer.rejected(this.reason);
  }
}
