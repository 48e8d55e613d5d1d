{{- define "proxy.flags" -}}
- --address=0.0.0.0
- --port=8443
- --admin-port=8002
- --tls-cert-file=/etc/kube-api-proxy/tls/tls.crt
- --tls-private-key-file=/etc/kube-api-proxy/tls/tls.key
# The Service's names, and that of the public URL; localhost is for kubectl port-forward.
- {{ printf "--accept-hosts=%s" (include "proxy.acceptHosts" .) | quote }}
{{- with .Values.publicURL }}
- {{ printf "--public-url=%s" . | quote }}
{{- end }}
{{- with .Values.trustedProxies }}
- {{ printf "--trusted-proxies=%s" (join "," .) | quote }}
{{- end }}
# How callers authenticate. Requests act as the caller, so that RBAC says what each may do. rbac.yaml says who may come at all.
{{- with .Values.oidc }}
{{- if .issuerURL }}
- {{ printf "--oidc-issuer-url=%s" .issuerURL | quote }}
- {{ printf "--oidc-client-id=%s" .clientID | quote }}
{{- with .usernameClaim }}
- {{ printf "--oidc-username-claim=%s" . | quote }}
{{- end }}
{{- with .usernamePrefix }}
- {{ printf "--oidc-username-prefix=%s" . | quote }}
{{- end }}
{{- with .groupsClaim }}
- {{ printf "--oidc-groups-claim=%s" . | quote }}
{{- end }}
{{- with .groupsPrefix }}
- {{ printf "--oidc-groups-prefix=%s" . | quote }}
{{- end }}
{{- range $claim, $value := .requiredClaims }}
- {{ printf "--oidc-required-claim=%s=%s" $claim $value | quote }}
{{- end }}
{{- with .signingAlgs }}
- --oidc-signing-algs={{ join "," . }}
{{- end }}
{{- if .ca }}
- --oidc-ca-file=/etc/kube-api-proxy/authorities/oidc.crt
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.authenticationConfig }}
# Followed: a change is in use within a minute or two, when the kubelet has brought it.
- --authentication-config=/etc/kube-api-proxy/authentication/config.yaml
{{- end }}
{{- if .Values.signIn.enabled }}
- --explorer-sign-in
{{- end }}
{{- with .Values.signIn.scopes }}
- {{ printf "--sign-in-scopes=%s" (join "," .) | quote }}
{{- end }}
{{- if .Values.tokenReview }}
# Tokens that the cluster knows: of service accounts, and of people where the API server has OpenID Connect.
- --authentication-token-webhook
{{- end }}
{{- if .Values.tokens.secretName }}
- --token-auth-file=/etc/kube-api-proxy/tokens/tokens.csv
{{- end }}
{{- if .Values.clientCA }}
- --client-ca-file=/etc/kube-api-proxy/authorities/clients.crt
{{- end }}
{{- if .Values.callers.dropOtherGroups }}
# Callers come without their other groups, instead of not at all.
{{- range .Values.callers.groups }}
- {{ printf "--accept-group=%s" . | quote }}
{{- end }}
{{- end }}
{{- if .Values.authorization.config }}
# Webhooks that may refuse what callers ask for. Followed too.
- --authorization-config=/etc/kube-api-proxy/authorization/config.yaml
{{- end }}
{{- if eq .Values.rbac.impersonation "constrained" }}
# Constrained impersonation takes service accounts in no other form.
- --service-accounts-by-name
{{- end }}
{{- if .Values.impersonation.enabled }}
# kubectl --as: callers may act as others whom the API server lets them impersonate.
- --allow-impersonation
{{- end }}
# exec and attach are RBAC's to allow, too.
- --reject-paths=
{{- with .Values.limits }}
# No caller takes it all; --max-requests-inflight (400) and --max-longrunning-requests (5000) are for all of them.
- --max-requests-inflight-per-user={{ int64 .requestsInflightPerUser }}
- --max-longrunning-requests-per-user={{ int64 .longrunningRequestsPerUser }}
{{- end }}
{{- with .Values.streams.endAtExpiry }}
# Watches, logs and shells end with the credential that they began with.
- --end-streams-at-expiry={{ . }}
{{- end }}
{{- with .Values.streams.recheck }}
# They end too when their caller is no longer known, or may no longer do it.
- --recheck-streams={{ . }}
{{- end }}
{{- if .Values.sharedWatches.acrossUsers }}
# One watch for all callers who may watch the same. The API server's audit log shows it as one of them.
- --share-watches
- --share-watches-across-users
{{- end }}
{{- if .Values.namespaces.filter }}
# Who may not list namespaces gets those that they may get.
- --filter-namespaces
{{- end }}
{{- range .Values.clusters.from }}
- {{ printf "--clusters-from=%s" . | quote }}
{{- end }}
{{- if .Values.auditLog }}
# Who did what, on stdout; the program's own log is on stderr. Every line of both is JSON.
- --audit-log-path=-
{{- end }}
{{- with .Values.tracing }}
{{- if .endpoint }}
# Traces of so many of a million requests.
- {{ printf "--tracing-endpoint=%s" .endpoint | quote }}
- --tracing-sampling-rate-per-million={{ int64 .samplingRatePerMillion }}
{{- end }}
{{- end }}
{{- with .Values.shutdown }}
- --shutdown-delay={{ .delay }}s
- --shutdown-grace={{ .grace }}s
{{- end }}
{{- end }}
