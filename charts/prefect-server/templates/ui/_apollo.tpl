{{/* Apollo's URL as the browser reaches it. */}}
{{- define "prefect-server.ui.apollo" -}}
{{- $behind := ternary (printf "https://%s/graphql" .Values.ingress.host) "http://localhost:4200/graphql" .Values.ingress.enabled -}}
{{- .Values.ui.apolloUrl | default $behind -}}
{{- end -}}
