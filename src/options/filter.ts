import { originList } from '../guard/origin-list.js';
import { regexpList } from '../guard/regexp-list.js';
import { resourceList } from '../guard/resource-list.js';
import { defineOptions } from '../lib/option.js';
import { bool, optionalBool } from '../lib/value-type.js';

const options = defineOptions('Filter', {
  acceptHosts: {
    type: regexpList,
    default: '^localhost$,^127\\.0\\.0\\.1$,^\\[::1\\]$',
    help: 'Hosts (without port) that requests may name in their Host header.',
  },
  acceptPaths: {
    type: regexpList,
    default: '^.*',
    help: 'Paths that are let through.',
  },
  rejectPaths: {
    type: regexpList,
    default: '^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach',
    help: 'Paths that are refused, even when --accept-paths names them.',
  },
  rejectMethods: {
    type: regexpList,
    default: '^$',
    help: 'HTTP methods that are refused, such as POST,PUT,PATCH,DELETE.',
  },
  readOnly: {
    type: bool,
    default: 'false',
    help: 'Let only get, list, watch and access reviews through: no write, no exec, attach, port-forward or proxy.',
  },
  acceptNamespaces: {
    type: regexpList,
    default: '.*',
    help: 'Namespaces that requests may be in, by their whole names; any but the default refuses what is in no namespace too.',
  },
  rejectResources: {
    type: resourceList,
    default: '',
    help: 'Resources that are refused, as RESOURCE[.GROUP][/SUBRESOURCE], such as secrets,pods/exec,*.example.com.',
  },
  corsAllowedOrigins: {
    type: originList,
    default: '',
    help: 'Origins of web pages that may use the API from a browser, such as ^https://app\\.example$; each pins both ends of the host.',
  },
  sandboxProxiedPages: {
    type: optionalBool,
    default: '',
    help: 'Sandbox pages that Pods, Services and nodes serve through their proxy subresource: another origin for browsers; by default where callers are authenticated.',
  },
  disableFilter: {
    type: bool,
    default: 'false',
    help: 'Let every request through; any web page can then use a port that its reader can reach.',
  },
});

/** Which requests pass. */
export const filter = { options };
