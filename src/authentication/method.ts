import type { IncomingMessage } from 'node:http';
import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import type { RequestHead } from '../http/request-head.js';
import type { CallerEntry } from '../kubeconfig/types.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { JsonObject } from '../lib/json.js';
import type { PhaseObserver } from '../lib/phases.js';
import type { ImpersonationTarget } from '../reviews/own-rights.js';
import type { BearerToken } from './bearer-token.js';

/** A method of authentication, as parts ask about it that do not know its options. */
export interface MethodFacts {
  /** The flags that turn the method on, with their dashes, for a sentence. */
  readonly flag: string;
  /** Whether callers send a secret that can be used by anyone who reads it. */
  readonly sendsSecret: boolean;
  /** Whether OpenID Connect issuers say who a caller is, so that people can sign in there. */
  readonly hasIssuers?: boolean;
}

/** What the owner of options may ask about methods of authentication (`OptionOwner.problems`). */
export interface OptionFacts {
  readonly methods: readonly MethodFacts[];
  /** Those that the options turn on. If there is at least one, callers have to authenticate. */
  readonly methodsOn: readonly MethodFacts[];
  /** The flags of listeners that encrypt, as far as the options turn them on. */
  readonly listenersOn: readonly { readonly flag: string }[];
  /** The flags by which clusters come below `/clusters/` that are no contexts of the kubeconfig. */
  readonly clusterSources: readonly { readonly flag: string }[];
  /** Name of the command that is the first argument; undefined if the program serves. */
  readonly command: string | undefined;
}

/** The flags of methods or listeners, for a sentence. */
export function flagsOf(parts: readonly Pick<MethodFacts, 'flag'>[]): string {
  return parts.map(({ flag }) => flag).join(', ');
}

/** One way to find out who a caller is, as it is known before the start. */
export interface AuthenticationMethod<Options> extends MethodFacts {
  /** The value of the metrics' label `method`. */
  readonly name: string;
  /** What a 401 tells a caller to do. */
  readonly hint: string;
  /** If so, callers have to authenticate, and a program in which nothing was made for the method does not start. */
  isOn(options: Options): boolean;
}

/** A method that is in use. */
export interface ActiveMethod {
  readonly authenticator: RequestAuthenticator | TokenAuthenticator;
  /**
   * Says whether a credential that was valid is so still, and whose it is now. It takes the credential as the open request presented it, and
   * answers like `authenticator`, but for what only another server knows it asks that server again.
   */
  readonly rechecker: RequestAuthenticator | TokenAuthenticator;
  /** What the proxy's identity must be allowed to impersonate now, besides users and groups. */
  impersonates?(): readonly ImpersonationTarget[];
  /** Fails while the method cannot find out anybody. A method without a check always can. */
  readonly check?: { readonly name: string; readonly check: () => void };
  /** The issuers whose tokens callers may use now. */
  issuers?(): readonly TrustedIssuer[];
  /** The users in a kubeconfig for callers. */
  kubeconfigUsers(): readonly CallerEntry[];
}

/** An OpenID Connect issuer whose tokens callers may use. */
export interface TrustedIssuer {
  readonly url: string;
  /** Whether there can be no other issuer beside it, because a flag names it and no file. */
  readonly isAlone: boolean;
  /** The client that gets tokens for callers: the first audience that is accepted. */
  readonly clientId: string;
  /** What a client asks for when it signs a person in; undefined while that depends on a discovery document that has not been read. */
  readonly scopes: readonly string[] | undefined;
  /** The discovery document that was fetched last; undefined until then. */
  discovery(): JsonObject | undefined;
}

/** Finds out who sends a request, by a credential other than a bearer token (k8s.io/apiserver `authenticator.Request`). */
export interface RequestAuthenticator {
  /**
   * The user; undefined if the request has no credential of this kind. Throws, or rejects, if the credential is invalid, or with an
   * IdentityError for a user who may not act here.
   */
  authenticateRequest(request: IncomingMessage): UserInfo | undefined | Promise<UserInfo | undefined>;
}

/** Finds the user of a bearer token (k8s.io/apiserver `authenticator.Token`). */
export interface TokenAuthenticator {
  /**
   * The user; undefined if the method does not check this kind of token. Throws, or rejects with: an AuthenticationError for an invalid
   * token; an IdentityError for a user who may not act here; a StatusError of 500 or more if the token could not be checked.
   */
  authenticateToken(
    token: BearerToken,
    request: AuthenticationRequest,
  ): UserInfo | undefined | Promise<UserInfo | undefined>;
}

/** A request whose caller is to be authenticated. */
export interface AuthenticationRequest {
  readonly raw: IncomingMessage;
  readonly head: RequestHead;
  /** Whether a bearer token, and no other credential, has decided who the caller is. Authentication sets it. */
  isByToken?: boolean;
  /** From a trusted proxy; undefined if the peer is the client. */
  readonly clientAddress?: string | undefined;
  /** Whether its path names a context. If so, strangers must not learn whether that context exists. */
  readonly mount: { readonly namesContext: boolean };
  /** The cluster that the request goes to. What another cluster says about a caller is not valid there. */
  readonly cluster: Cluster;
  /** The endpoint that the request is judged for, after opening the cluster if this is its first request. Rejects with a StatusError of 503. */
  openCluster(phases?: PhaseObserver): Endpoint | Promise<Endpoint>;
  /** Is told what the request waits for; undefined if nobody sends it, or nobody wants to know. */
  readonly record?: { readonly phases?: PhaseObserver | undefined };
}

/** What the proxy must be allowed to impersonate for users with a uid. */
export const uidTarget: ImpersonationTarget = { group: 'authentication.k8s.io', resource: 'uids' };
