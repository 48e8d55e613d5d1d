{{- /* What is wrong with the values of rbac, as a list in YAML. */}}
{{- define "proxy.rbacProblems" -}}
{{- $problems := list }}
{{- $rbac := .Values.rbac }}
{{- $isConstrained := eq $rbac.impersonation "constrained" }}
{{- range $key := list "acts" "namespaces" }}
{{- if get $rbac $key }}
{{- if not $isConstrained }}
{{- $problems = append $problems (printf "rbac.%s is for rbac.impersonation `constrained`: with `legacy`, the gateway may do whatever its callers may." $key) }}
{{- else if not $rbac.create }}
{{- $problems = append $problems (printf "rbac.%s needs rbac.create." $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $isConstrained $rbac.create (not $rbac.acts) }}
{{- $problems = append $problems "rbac.acts has to be set with rbac.impersonation `constrained`: `readOnly`, `all`, or a list of rules." }}
{{- end }}
{{- if $isConstrained }}
{{- $keys := .Values.impersonation.extraKeys }}
{{- range dig "jwt" (list) .Values.authenticationConfig }}
{{- range dig "claimMappings" "extra" (list) . }}{{ $keys = append $keys .key }}{{ end }}
{{- end }}
{{- range uniq $keys }}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[^A-Z]+$" .) }}
{{- $problems = append $problems (printf "rbac.impersonation `constrained` takes no extra field %s: a key needs the form domain/path in lower case." (quote .)) }}
{{- end }}
{{- end }}
{{- if has "system:masters" (concat .Values.callers.groups .Values.impersonation.groups) }}
{{- $problems = append $problems "rbac.impersonation `constrained` never takes the group system:masters." }}
{{- end }}
{{- $rules := list }}
{{- if $rbac.acts }}{{ $rules = include "proxy.chosenActs" . | fromYamlArray }}{{ end }}
{{- $getsNamespaces := false }}
{{- range $index, $rule := $rules }}
{{- if and (has "get" $rule.verbs) (not $rule.resourceNames) (has "namespaces" $rule.resources | default (has "*" $rule.resources)) (has "" $rule.apiGroups | default (has "*" $rule.apiGroups)) }}
{{- $getsNamespaces = true }}
{{- end }}
{{- if kindIs "slice" $rbac.acts }}
{{- $where := printf "rbac.acts[%d]" $index }}
{{- if has "*" $rule.apiGroups }}
{{- $problems = append $problems (printf "%s: apiGroups may not be `*`: name the groups, or set rbac.acts to `all`." $where) }}
{{- end }}
{{- if and (has "" $rule.apiGroups) (contains "*" (join " " $rule.resources)) }}
{{- $problems = append $problems (printf "%s: resources of the core group may not be `*`: it has exec, attach, portforward and proxy, which a GET opens over a WebSocket, and Secrets. Name them." $where) }}
{{- end }}
{{- range $verb := $rule.verbs }}
{{- if eq $verb "*" }}
{{- $problems = append $problems (printf "%s: verbs may not be `*`: name them." $where) }}
{{- else if not (regexMatch "^[a-z]+$" $verb) }}
{{- $problems = append $problems (printf "%s: the verb %s is none of a request, such as get: the chart adds the rest." $where (quote $verb)) }}
{{- else if eq $verb "impersonate" }}
{{- $problems = append $problems (printf "%s: with the verb impersonate, the gateway could do whatever its callers may." $where) }}
{{- end }}
{{- end }}
{{- if and $rule.nonResourceURLs $rbac.namespaces }}
{{- $problems = append $problems (printf "%s: nonResourceURLs are in no namespace, so rbac.namespaces has to be empty." $where) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.namespaces.filter $rules (or $rbac.namespaces (not $getsNamespaces)) }}
{{- $problems = append $problems "namespaces.filter needs the verb get for all namespaces in rbac.acts, and no rbac.namespaces: the list would show namespaces that a GET then refuses." }}
{{- end }}
{{- end }}
{{- toYaml $problems }}
{{- end }}
