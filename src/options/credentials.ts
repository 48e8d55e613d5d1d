import { defineOptions } from '../lib/option.js';
import { text, texts } from '../lib/value-type.js';

const options = defineOptions('Credentials', {
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
export const credentials = { options };
