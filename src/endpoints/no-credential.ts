/**
 * A kubeconfig user without a credential that matters. Over https, kubectl prompts for a user name unless the entry has a credential
 * (clientcmd, `canIdentifyUser`). A token or a password would go to the API server in place of the proxy's own credential. A client
 * certificate is sent only to servers that ask for one. The key is not secret: it is published here, and nobody trusts the certificate.
 */
export const noCredential = {
  'client-certificate-data': pem(
    'CERTIFICATE',
    'MIHzMIGmoAMCAQICAQEwBQYDK2VwMBExDzANBgNVBAMMBm5vYm9keTAgFw0yNjExMjUxOTMyNDNaGA8yMTI2MTEwMT' +
      'E5MzI0M1owETEPMA0GA1UEAwwGbm9ib2R5MCowBQYDK2VwAyEA8A7MXJQnOI427QCHdNBCeyw64hua0JulKsMoUR4g' +
      'GTqjITAfMB0GA1UdDgQWBBS7jbPUEXGZ2X6uXa/5H4EDML2GXzAFBgMrZXADQQDOXmgir3VZBBiSwH2lccYNOXtsX0' +
      'S05wGaYJRn247CeGx5Xr5Ph71Zv54TM18IVouECrwXRpnXO8YX/BuVUWED',
  ),
  'client-key-data': pem('PRIVATE KEY', 'MC4CAQAwBQYDK2VwBCIEIFLG+bmXkmsoZJe5idGMpe1OvRqQ6TQxZzJ/DONKLZ2Y'),
};

function pem(type: string, base64: string): string {
  return Buffer.from(`-----BEGIN ${type}-----\n${base64}\n-----END ${type}-----\n`).toString('base64');
}
