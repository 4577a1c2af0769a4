{{/* The environment of Apollo. */}}

{{- define "prefect-server.apollo.environment" -}}
{{- $graphql := include "prefect-server.host" (dict "root" . "component" "graphql") -}}
{{- $hasura := include "prefect-server.host" (dict "root" . "component" "hasura") -}}
- name: HOME
  value: /tmp
- name: npm_config_cache
  value: /tmp/npm
- name: npm_config_update_notifier
  value: "false"
- name: HASURA_API_URL
  value: http://{{ $hasura }}:3000/v1alpha1/graphql
- name: PREFECT_API_URL
  value: http://{{ $graphql }}:4201/graphql/
- name: PREFECT_API_HEALTH_URL
  value: http://{{ $graphql }}:4201/health
- name: GRAPHQL_SERVICE_HOST
  value: http://{{ $graphql }}
- name: GRAPHQL_SERVICE_PORT
  value: "4201"
- name: APOLLO_API_BODY_LIMIT
  value: {{ .Values.apollo.bodyLimit }}
- name: APOLLO_API_ENABLE_PLAYGROUND
  value: "false"
# Longer than the login proxy keeps an idle connection, so that Apollo closes none under a request.
- name: APOLLO_KEEPALIVE_TIMEOUT
  value: "95"
- name: PREFECT_SERVER__TELEMETRY__ENABLED
  value: "false"
{{- end -}}
