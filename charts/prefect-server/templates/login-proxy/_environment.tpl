{{/* The environment of oauth2-proxy: its secrets, or where the token is that it needs none for. */}}

{{- define "prefect-server.login-proxy.environment" -}}
{{- $login := .Values.loginProxy -}}
- name: OAUTH2_PROXY_COOKIE_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ $login.cookieSecret.name | quote }}
      key: {{ $login.cookieSecret.key | quote }}
{{- if $login.clientSecret.name }}
- name: OAUTH2_PROXY_CLIENT_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ $login.clientSecret.name | quote }}
      key: {{ $login.clientSecret.key | quote }}
{{- else }}
- name: AZURE_FEDERATED_TOKEN_FILE
  value: /var/run/secrets/azure/tokens/azure-identity-token
{{- end }}
{{- end -}}
