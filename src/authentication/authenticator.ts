import type { IncomingMessage } from 'node:http';
import type { UserInfo } from '../kubernetes/user-info.js';

/** One way to find out who sends a request (k8s.io/apiserver `authenticator.Request`). */
export interface Authenticator {
  /** The user; undefined when the request has no credential of this kind. Throws, or rejects, when it has a bad one. */
  authenticate(request: IncomingMessage): UserInfo | undefined | Promise<UserInfo | undefined>;
}
