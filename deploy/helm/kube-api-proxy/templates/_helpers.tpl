{{- define "proxy.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "proxy.fullname" -}}
{{- $name := include "proxy.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "proxy.selector" -}}
app.kubernetes.io/name: {{ include "proxy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "proxy.labels" -}}
{{ include "proxy.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "proxy.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "proxy.tlsSecret" -}}
{{- .Values.tls.secretName | default (printf "%s-tls" (include "proxy.fullname" .)) }}
{{- end }}

{{- /* The host of publicURL without its port; an IPv6 address is in brackets. */}}
{{- define "proxy.publicHost" -}}
{{- with .Values.publicURL }}{{ regexReplaceAll ":[0-9]*$" (urlParse .).host "" | lower }}{{ end }}
{{- end }}

{{- /* The Service's names, and localhost for kubectl port-forward. */}}
{{- define "proxy.acceptHosts" -}}
{{- $service := printf "^%s(\\.%s(\\.svc(\\.cluster\\.local)?)?)?$" (include "proxy.fullname" .) .Release.Namespace }}
{{- $hosts := list $service "^localhost$" "^127\\.0\\.0\\.1$" }}
{{- with include "proxy.publicHost" . }}
{{- $hosts = append $hosts (printf "^%s$" (regexQuoteMeta .)) }}
{{- end }}
{{- concat $hosts .Values.acceptHosts | join "," }}
{{- end }}

{{- /* Names and addresses of the certificate, with commas. */}}
{{- define "proxy.certificateNames" -}}
{{- $service := printf "%s.%s.svc" (include "proxy.fullname" .) .Release.Namespace }}
{{- $names := list $service (printf "%s.cluster.local" $service) "localhost" "127.0.0.1" }}
{{- with include "proxy.publicHost" . }}
{{- $names = append $names (trimAll "[]" .) }}
{{- end }}
{{- .Values.tls.names | default $names | uniq | join "," }}
{{- end }}

{{- /* The last day of a certificate that the chart makes now. */}}
{{- define "proxy.expires" -}}
{{- now | dateModify "87600h" | date "2006-01-02" }}
{{- end }}

{{- /* Whether the way in is from outside the cluster: `true`, or empty. */}}
{{- define "proxy.isPublic" -}}
{{- if or (ne .Values.service.type "ClusterIP") .Values.ingress.enabled .Values.tlsRoute.parentRefs }}true{{ end }}
{{- end }}

{{- define "proxy.adminPort" -}}
- name: admin
  port: 8002
  targetPort: admin
  appProtocol: http
{{- end }}

{{- /* Name of the roles: with the namespace, so that releases in other namespaces can have the same name. */}}
{{- define "proxy.role" -}}
{{- printf "%s:%s" .Release.Namespace (include "proxy.fullname" .) }}
{{- end }}

{{- /* The modes of constrained impersonation in which it acts as those who may come, with a space between them. */}}
{{- define "proxy.modes" -}}
{{- $modes := list }}
{{- if or (eq .Values.callers.mode "everyone") .Values.callers.users .Values.impersonation.users }}{{ $modes = append $modes "user-info" }}{{ end }}
{{- if or .Values.callers.serviceAccounts .Values.impersonation.serviceAccounts }}{{ $modes = append $modes "serviceaccount" }}{{ end }}
{{- join " " $modes }}
{{- end }}

{{- /* Rules for what the gateway may do as its callers, made of rules with plain verbs. */}}
{{- define "proxy.acts" -}}
{{- $modes := splitList " " (include "proxy.modes" .context) }}
{{- range $rule := .rules }}
{{- $isFirst := true }}
{{- range $key := list "nonResourceURLs" "apiGroups" "resources" "resourceNames" }}
{{- with get $rule $key }}
{{ ternary "-" " " $isFirst }} {{ $key }}:
    {{- range . }}
    - {{ eq . (toYaml .) | ternary . (quote .) }}
    {{- end }}
{{- $isFirst = false }}
{{- end }}
{{- end }}
  verbs:
    {{- range $mode := $modes }}
    {{- range $rule.verbs }}
    - impersonate-on:{{ $mode }}:{{ . }}
    {{- end }}
    {{- end }}
{{- end }}
{{- end }}

{{- /* The rules of rbac.acts, as YAML. */}}
{{- define "proxy.chosenActs" -}}
{{- $acts := .Values.rbac.acts }}
{{- if kindIs "string" $acts }}{{ $acts = get (.Files.Get "files/acts.yaml" | fromYaml) $acts }}{{ end }}
{{- toYaml $acts }}
{{- end }}
