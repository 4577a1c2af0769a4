{{/* Combinations that the schema cannot refuse, or not in words. Each message starts with "refused: ". */}}

{{- define "prefect-server.refuse" -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" .Release.Name) -}}
{{- fail (printf "refused: the release's name %q cannot name a Service: start with a letter, and use no dot" .Release.Name) -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.loginProxy.enabled) -}}
{{- fail "refused: ingress.enabled needs loginProxy.enabled: Prefect Server has no login of its own" -}}
{{- end -}}
{{- $policy := .Values.networkPolicy -}}
{{- range $key, $cidr := dict
      "databaseCidr" $policy.databaseCidr
      "apiServerProxy.cidr" $policy.apiServerProxy.cidr
      "dns.cidr" $policy.dns.cidr
      "ingressController.cidr" $policy.ingressController.cidr -}}
{{- if $cidr -}}
{{- include "prefect-server.refuse.cidr" (dict "key" $key "cidr" $cidr) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A range that starts between two ranges of its size is refused by the API server too, but in other words. */}}
{{- define "prefect-server.refuse.cidr" -}}
{{- $parts := splitList "/" .cidr -}}
{{- $address := 0 -}}
{{- range splitList "." (first $parts) -}}
{{- $address = add (mul $address 256) (int .) -}}
{{- end -}}
{{- $size := 1 -}}
{{- range until (sub 32 (last $parts | int) | int) -}}
{{- $size = mul $size 2 -}}
{{- end -}}
{{- if mod $address $size -}}
{{- fail (printf "refused: networkPolicy.%s %s does not start where a range of its size can: write the network's first address" .key .cidr) -}}
{{- end -}}
{{- end -}}
