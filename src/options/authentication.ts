import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool, duration, names, text, texts } from '../lib/value-type.js';

const options = defineOptions('Authentication', {
  clientCaFile: {
    type: text('FILE'),
    default: '',
    help: 'Authorities of client certificates; who presents one is its CN, in the groups of its O. Needs --tls-cert-file.',
  },
  insecureAllowUnauthenticated: {
    type: bool,
    default: 'false',
    help: "Listen beyond loopback although everyone there is the kubeconfig's user.",
  },
  tokenAuthFile: {
    type: text('FILE'),
    default: '',
    help: 'Bearer tokens of callers, one a line: token,user,uid,"group1,group2"; requests then act as their caller.',
  },
  oidcIssuerUrl: {
    type: text('URL'),
    default: '',
    help: 'OpenID Connect issuer whose id-tokens are taken from callers; https, and exactly as in their iss.',
  },
  oidcClientId: {
    type: text('ID'),
    default: '',
    help: 'Audience that id-tokens must have.',
  },
  oidcUsernameClaim: {
    type: text('CLAIM'),
    default: 'sub',
    help: "Claim that is the caller's name.",
  },
  oidcUsernamePrefix: {
    type: text('PREFIX'),
    default: '',
    help: "What is put in front of names: by default the issuer's URL and #, nothing for emails; - is nothing.",
  },
  oidcGroupsClaim: {
    type: text('CLAIM'),
    default: '',
    help: "Claim that is the caller's groups, a text or a list of texts.",
  },
  oidcGroupsPrefix: {
    type: text('PREFIX'),
    default: '',
    help: 'What is put in front of groups.',
  },
  oidcRequiredClaim: {
    type: texts('KEY=VALUE'),
    default: '',
    help: 'Claim that id-tokens must have, with its value; can be repeated.',
  },
  oidcSigningAlgs: {
    type: names,
    default: 'RS256',
    help: 'JOSE algorithms that id-tokens may be signed with: RS, ES or PS with 256, 384 or 512.',
  },
  oidcCaFile: {
    type: text('FILE'),
    default: '',
    help: "Certificates that the issuer's certificate is checked against; by default the well-known ones.",
  },
  authenticationTokenWebhook: {
    type: bool,
    default: 'false',
    help: "Have the API server say whose callers' bearer tokens are (TokenReview), such as those of service accounts.",
  },
  authenticationTokenWebhookCacheTtl: {
    type: duration,
    default: '2m',
    help: "How long the API server's word on a token counts, though never longer than the token; for a bad one at most 10s.",
  },
  apiAudiences: {
    type: names,
    default: '',
    help: 'Audiences of which a token must be for one, for --authentication-token-webhook; by default the API server itself.',
  },
  allowSystemIdentities: {
    type: names,
    default: '',
    help: 'Names and groups beginning with system: that callers may have all the same, such as system:masters.',
  },
});

/** Who may call. */
export const authentication = { options, problems };

function problems({
  clientCaFile,
  tlsCertFile,
}: OptionValues<typeof options> & { readonly tlsCertFile: string }): string[] {
  return clientCaFile !== '' && tlsCertFile === ''
    ? ['--client-ca-file needs --tls-cert-file and --tls-private-key-file: only TLS has client certificates']
    : [];
}
