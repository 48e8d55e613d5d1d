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

{{- /* The Service's names; localhost is for kubectl port-forward. */}}
{{- define "proxy.acceptHosts" -}}
{{- $service := printf "^%s(\\.%s(\\.svc(\\.cluster\\.local)?)?)?$" (include "proxy.fullname" .) .Release.Namespace }}
{{- concat (list $service "^localhost$" "^127\\.0\\.0\\.1$") .Values.acceptHosts | join "," }}
{{- end }}

{{- define "proxy.adminPort" -}}
- name: admin
  port: 8002
  targetPort: admin
  appProtocol: http
{{- end }}
