{{/* The environment of GraphQL and of the database upgrade. */}}

{{- define "prefect-server.graphql.environment" -}}
{{ include "prefect-server.environment.server" . }}
- name: PREFECT_SERVER__DATABASE__CONNECTION_URL
  value: {{ include "prefect-server.database.url" . | quote }}
# The image would upgrade the database at its own start; that is the init container's work.
- name: PREFECT_SERVER_DB_CMD
  value: echo 'DATABASE MIGRATIONS SKIPPED'
{{ include "prefect-server.database.environment" . }}
{{- end -}}
