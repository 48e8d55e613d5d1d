import { defineOptions } from '../lib/option.js';
import {
  bool,
  notADuration,
  parseDuration,
  readDuration,
  text,
  texts,
  type ValueType,
  valueType,
} from '../lib/value-type.js';

/** client-go's `ParseTimeout`: a whole number of seconds or a Go duration, in milliseconds; 0 means no timeout. */
const timeout: ValueType<number> = valueType('DURATION', value =>
  readDuration(/^[+-]?\d+$/.test(value) ? `${value}s` : value),
);

/** The interval that Go's `net.Dialer` uses when `KeepAlive` is 0, in milliseconds. */
const goDefaultKeepAlive = 15_000;

/** Go's `net.Dialer.KeepAlive` in milliseconds: 0 becomes Go's default of 15 s. A negative value becomes 0, which means off. */
const keepAlive: ValueType<number> = valueType('DURATION', value => {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined) return notADuration;
  if (milliseconds < 0) return { value: 0 };
  return { value: milliseconds === 0 ? goDefaultKeepAlive : milliseconds };
});

const options = defineOptions('API server', {
  kubeconfig: {
    type: text('FILE'),
    default: '',
    help: 'Kubeconfig file; by default the files in KUBECONFIG, else ~/.kube/config, else the service account of the Pod.',
  },
  context: {
    type: text('NAME'),
    default: '',
    help: 'Context of the kubeconfig to use instead of its current one.',
  },
  cluster: {
    type: text('NAME'),
    default: '',
    help: "Cluster of the kubeconfig to use instead of the context's.",
  },
  server: { type: text('URL'), short: 's', default: '', help: 'Address and port of the API server.' },
  certificateAuthority: {
    type: text('FILE'),
    default: '',
    help: "Authorities of the API server's certificate.",
  },
  tlsServerName: {
    type: text('NAME'),
    default: '',
    help: "Name that the API server's certificate must have, instead of the host of its address.",
  },
  proxyUrl: {
    type: text('URL'),
    default: '',
    help: 'Proxy server on the way to the API server, whatever the kubeconfig and the environment say.',
  },
  insecureSkipTlsVerify: {
    type: bool,
    default: 'false',
    help: "Do not check the API server's certificate. Anyone on the way can then read and change everything.",
  },
  requestTimeout: {
    type: timeout,
    default: '0',
    help: 'How long a request to the API server may take, with a unit or in seconds; 0 is no limit.',
  },
  keepalive: {
    type: keepAlive,
    default: '0s',
    help: 'Interval of TCP keep-alive probes; 0s is 15s, a negative value turns them off.',
  },
  appendServerPath: {
    type: bool,
    default: 'false',
    help: "Add the path of the API server's URL to the path of each request.",
  },
});

/** Which API server the proxy uses, and how it connects to it. */
export const apiServer = { options };

const credentialOptions = defineOptions('Credentials', {
  user: { type: text('NAME'), default: '', help: "User of the kubeconfig to use instead of the context's." },
  clientCertificate: { type: text('FILE'), default: '', help: 'Client certificate for TLS, with its chain.' },
  clientKey: { type: text('FILE'), default: '', help: 'Private key of the client certificate.' },
  token: { type: text('TOKEN'), default: '', help: 'Bearer token for the API server.' },
  username: {
    type: text('NAME'),
    default: '',
    help: 'User name for basic authentication to the API server.',
  },
  password: {
    type: text('PASSWORD'),
    default: '',
    help: 'Password for basic authentication to the API server.',
  },
  as: {
    type: text('USER'),
    default: '',
    help: 'User to impersonate with every request. Clients then cannot impersonate anybody.',
  },
  asGroup: { type: texts('GROUP'), default: '', help: 'Group to impersonate; can be repeated.' },
  asUid: { type: text('UID'), default: '', help: 'UID to impersonate.' },
  asUserExtra: {
    type: texts('KEY=VALUE'),
    default: '',
    help: 'Extra user information to impersonate; can be repeated.',
  },
});

/** The credentials of the proxy at the API server, and the user that it acts as there. */
export const credentials = { options: credentialOptions };
