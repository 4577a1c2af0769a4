{{/* The connection to Postgres. The password comes from a Secret in PGPASSWORD, which every client here reads. */}}

{{/* Neither user nor database needs escaping: the schema allows what a URL keeps as it is. */}}
{{- define "prefect-server.database.url" -}}
{{- $database := .Values.database -}}
{{- printf "postgresql://%s@%s:%v/%s" $database.username $database.host $database.port $database.name -}}
{{- end -}}

{{- define "prefect-server.database.verified" -}}
{{- if ne .Values.database.sslMode "require" }}true{{ end -}}
{{- end -}}

{{/* psycopg2 reads these as Postgres' own client does, and so does asyncpg. */}}
{{- define "prefect-server.database.environment" -}}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.secret.name | quote }}
      key: {{ .Values.database.secret.key | quote }}
- name: PGSSLMODE
  value: {{ .Values.database.sslMode }}
{{- if include "prefect-server.database.verified" . }}
- name: PGSSLROOTCERT
  value: /etc/postgres-ca/ca.crt
{{- end }}
{{- end -}}

{{- define "prefect-server.database.mount" -}}
{{- if include "prefect-server.database.verified" . -}}
- name: postgres-ca
  mountPath: /etc/postgres-ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "prefect-server.database.volume" -}}
{{- if include "prefect-server.database.verified" . -}}
- name: postgres-ca
  configMap:
    name: {{ .Values.database.ca.configMap | quote }}
    items:
      - key: {{ .Values.database.ca.key | quote }}
        path: ca.crt
{{- end }}
{{- end -}}
