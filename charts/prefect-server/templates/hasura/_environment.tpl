{{/* The environment of Hasura. */}}

{{- define "prefect-server.hasura.environment" -}}
- name: HASURA_GRAPHQL_DATABASE_URL
  value: {{ printf "%s?sslmode=%s" (include "prefect-server.database.url" .) .Values.database.sslMode | quote }}
{{- include "prefect-server.database.environment" . | nindent 0 }}
- name: HASURA_GRAPHQL_PG_CONNECTIONS
  value: {{ .Values.hasura.connections | quote }}
- name: HASURA_GRAPHQL_SERVER_PORT
  value: "3000"
- name: HASURA_GRAPHQL_V1_BOOLEAN_NULL_COLLAPSE
  value: "true"
# Queries, and the metadata that the database upgrade sets; no dump of the database.
- name: HASURA_GRAPHQL_ENABLED_APIS
  value: graphql,metadata
- name: HASURA_GRAPHQL_ENABLE_CONSOLE
  value: "false"
- name: HASURA_GRAPHQL_DEV_MODE
  value: "false"
- name: HASURA_GRAPHQL_ENABLE_TELEMETRY
  value: "false"
{{- end -}}
