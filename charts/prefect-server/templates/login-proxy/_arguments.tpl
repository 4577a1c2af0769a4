{{/* The command line of oauth2-proxy: who somebody is says Entra ID, who may log in its application. */}}

{{- define "prefect-server.login-proxy.arguments" -}}
- --http-address=0.0.0.0:4180
- --reverse-proxy=true
- --upstream=http://{{ include "prefect-server.host" (dict "root" . "component" "ui") }}:8080/
- --upstream=http://{{ include "prefect-server.host" (dict "root" . "component" "apollo") }}:4200/graphql
# A page whose login is over gets an answer that it understands from Apollo's path, not another page.
- --api-route=^/graphql
- --provider=entra-id
- {{ printf "--oidc-issuer-url=%s" .Values.loginProxy.issuerUrl | quote }}
- {{ printf "--client-id=%s" .Values.loginProxy.clientId | quote }}
{{- if not .Values.loginProxy.clientSecret.name }}
- --entra-id-federated-token-auth=true
{{- end }}
- --scope=openid profile
# Not every account has a mailbox.
- --oidc-email-claim=preferred_username
- --email-domain=*
{{- range .Values.loginProxy.allowedGroups }}
- --allowed-group={{ . }}
{{- end }}
- --code-challenge-method=S256
- --insecure-oidc-skip-nonce=false
- --skip-provider-button=true
{{- if .Values.ingress.enabled }}
- --redirect-url=https://{{ .Values.ingress.host }}/oauth2/callback
{{- end }}
- --cookie-name=__Host-prefect
- --cookie-secure=true
- --cookie-samesite=lax
- --cookie-expire=8h
- --silence-ping-logging=true
{{- end -}}
