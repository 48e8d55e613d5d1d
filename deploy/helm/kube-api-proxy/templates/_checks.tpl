{{- /* Values that do not belong together. All problems are reported at once, one in each line. */}}
{{- define "proxy.checks" -}}
{{- $problems := list }}
{{- $callers := .Values.callers }}
{{- if not $callers.mode }}
{{- $problems = append $problems "callers.mode has to be set. `named`: those in callers.users may come. `everyone`: every user may come whom the gateway can authenticate; then the gateway's token is as good as an administrator's, unless rbac.impersonation is `constrained`." }}
{{- end }}
{{- if and (eq $callers.mode "named") .Values.rbac.create (not $callers.users) (not $callers.serviceAccounts) }}
{{- $problems = append $problems "callers.mode is `named`, but callers.users and callers.serviceAccounts are empty: nobody could come." }}
{{- end }}
{{- if and (eq $callers.mode "everyone") $callers.users }}
{{- $problems = append $problems "callers.users is for callers.mode `named`: with `everyone` every user may come." }}
{{- end }}
{{- if not (has "system:authenticated" $callers.groups) }}
{{- $problems = append $problems "callers.groups must contain system:authenticated: every caller is in this group, and gets 403 if one of their groups is not in the list." }}
{{- end }}
{{- if and $callers.serviceAccounts (not .Values.tokenReview) }}
{{- $problems = append $problems "callers.serviceAccounts needs tokenReview: only the API server knows the tokens of service accounts." }}
{{- end }}
{{- if and (eq $callers.mode "everyone") .Values.impersonation.users }}
{{- $problems = append $problems "impersonation.users is for callers.mode `named`: with `everyone` the gateway may act as every user." }}
{{- end }}
{{- if not .Values.impersonation.enabled }}
{{- range $key, $value := .Values.impersonation }}
{{- if $value }}
{{- $problems = append $problems (printf "impersonation.%s needs impersonation.enabled." $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- if not (or .Values.oidc.issuerURL .Values.authenticationConfig .Values.tokenReview .Values.tokens.secretName .Values.clientCA) }}
{{- $problems = append $problems "Callers cannot authenticate: set at least one of oidc.issuerURL, authenticationConfig, tokenReview, tokens.secretName and clientCA." }}
{{- end }}
{{- if and .Values.oidc.issuerURL .Values.authenticationConfig }}
{{- $problems = append $problems "authenticationConfig and oidc cannot be used together: put the issuer of oidc into authenticationConfig." }}
{{- end }}
{{- if and .Values.oidc.issuerURL (not .Values.oidc.clientID) }}
{{- $problems = append $problems "oidc.issuerURL needs oidc.clientID: the audience that the tokens must have." }}
{{- end }}
{{- if not .Values.oidc.issuerURL }}
{{- range $key, $value := .Values.oidc }}
{{- if $value }}
{{- $problems = append $problems (printf "oidc.%s needs oidc.issuerURL." $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- if not (or .Values.oidc.issuerURL .Values.authenticationConfig) }}
{{- range $key, $value := .Values.signIn }}
{{- if $value }}
{{- $problems = append $problems (printf "signIn.%s needs an issuer: set oidc or authenticationConfig." $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- $problems = concat $problems (include "proxy.rbacProblems" . | fromYamlArray) }}
{{- $authorization := .Values.authorization }}
{{- if and $authorization.config (not $authorization.kubeconfigSecret) }}
{{- $problems = append $problems "authorization.config needs authorization.kubeconfigSecret: the Secret with the kubeconfigs that it names." }}
{{- end }}
{{- if and $authorization.kubeconfigSecret (not $authorization.config) }}
{{- $problems = append $problems "authorization.kubeconfigSecret needs authorization.config." }}
{{- end }}
{{- $host := include "proxy.publicHost" . }}
{{- range $way, $isOn := dict "ingress.enabled" .Values.ingress.enabled "tlsRoute.parentRefs" .Values.tlsRoute.parentRefs }}
{{- if and $isOn (not (regexMatch "[a-z]" $host)) }}
{{- $problems = append $problems (printf "%s needs publicURL with a host name, such as https://gw.example: it is how people reach the gateway." $way) }}
{{- end }}
{{- end }}
{{- $bounds := .Files.Get "files/bounds.yaml" | fromYaml }}
{{- $own := list }}
{{- range $argument := fromYamlArray (include "proxy.flags" .) }}
{{- $flag := include "proxy.flagName" $argument }}
{{- $own = append $own $flag }}
{{- with get $bounds $flag }}
{{- $problem := include "proxy.boundsProblem" (dict "argument" $argument "bounds" .) }}
{{- if $problem }}{{ $problems = append $problems (printf "%s: %s" (.value | default $flag) $problem) }}{{ end }}
{{- end }}
{{- end }}
{{- range $argument := .Values.extraArgs }}
{{- $flag := include "proxy.flagName" $argument }}
{{- if has $flag $own }}
{{- $problems = append $problems (printf "extraArgs sets %s, which the chart sets too. Use the chart's value for it." $flag) }}
{{- end }}
{{- with get $bounds $flag }}
{{- $problem := include "proxy.boundsProblem" (dict "argument" $argument "bounds" .) }}
{{- if $problem }}{{ $problems = append $problems (printf "extraArgs: %s: %s" $flag $problem) }}{{ end }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "\n\n- %s\n" (join "\n- " $problems)) }}
{{- end }}
{{- end }}

{{- /* The program takes underscores for dashes. */}}
{{- define "proxy.flagName" -}}
{{ regexFind "^[^=]*" . | replace "_" "-" }}
{{- end }}

{{- /* What is wrong with the value of an argument; nothing if it is within the bounds of its flag in files/bounds.yaml. */}}
{{- define "proxy.boundsProblem" -}}
{{- $given := regexReplaceAll "^[^=]*=?" .argument "" }}
{{- $text := $given }}
{{- $bounds := .bounds }}
{{- $number := 0.0 }}
{{- $problem := "" }}
{{- if not $text }}
{{- else if eq $bounds.type "duration" }}
{{- if and $bounds.seconds (regexMatch "^[+-]?[0-9]+$" $text) }}{{ $text = printf "%ss" $text }}{{ end }}
{{- if regexMatch "^[+-]?(0|(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$" $text }}
{{- $milliseconds := dict "ns" 0.000001 "us" 0.001 "µs" 0.001 "μs" 0.001 "ms" 1.0 "s" 1000.0 "m" 60000.0 "h" 3600000.0 }}
{{- range regexFindAll "[0-9.]+(ns|us|µs|μs|ms|s|m|h)" $text -1 }}
{{- $number = addf $number (mulf (regexFind "^[0-9.]+" . | float64) (get $milliseconds (regexFind "[^0-9.]+$" .))) }}
{{- end }}
{{- if hasPrefix "-" $text }}{{ $number = subf 0.0 $number }}{{ end }}
{{- else }}
{{- $problem = "is not a duration (such as 30s, 5m or 1h30m)" }}
{{- end }}
{{- else if eq $bounds.type "size" }}
{{- if not (regexMatch "^[0-9]{1,9}(k|M|G|Ki|Mi|Gi)?$" $text) }}{{ $problem = "is not a size (such as 256Mi)" }}{{ end }}
{{- else if regexMatch "^[0-9]{1,9}$" $text }}
{{- $number = float64 $text }}
{{- else }}
{{- $problem = "is not a whole number of 0 or more" }}
{{- end }}
{{- if and $text (not $problem) (hasKey $bounds "least") (lt $number (float64 $bounds.least)) }}
{{- $problem = printf "is less than %v%s" (ternary (divf $bounds.least 1000) $bounds.least (eq $bounds.type "duration")) (ternary "s" "" (eq $bounds.type "duration")) }}
{{- end }}
{{- if and (not $problem) (hasKey $bounds "most") (gt $number (float64 $bounds.most)) }}
{{- $problem = printf "is more than %v" (int64 $bounds.most) }}
{{- end }}
{{- if $problem }}{{ printf "%s %s." (quote $given) $problem }}{{ end }}
{{- end }}
