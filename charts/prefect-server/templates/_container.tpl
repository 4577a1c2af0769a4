{{/* What the containers have in common. */}}

{{/* An image: (dict "root" $ "image" "server"). A digest wins over the tag. */}}
{{- define "prefect-server.image" -}}
{{- $image := index .root.Values.images .image -}}
{{- $name := printf "%s/%s" (.root.Values.registry | default $image.registry) $image.repository -}}
image: {{ ternary (printf "%s@%s" $name $image.digest) (printf "%s:%s" $name $image.tag) (ne $image.digest "") | quote }}
imagePullPolicy: Always
{{- end -}}

{{/* Security and resources of a container: (dict "root" $ "values" .Values.apollo). */}}
{{- define "prefect-server.container" -}}
{{- $cpu := .values.resources.cpu | trimSuffix "m" | int -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  requests:
    cpu: {{ .values.resources.cpu }}
    memory: {{ .values.resources.memory }}
    ephemeral-storage: {{ .values.resources.ephemeralStorage }}
  limits:
    cpu: {{ mul $cpu .values.resources.burst }}m
    memory: {{ .values.resources.memory }}
    ephemeral-storage: {{ .values.resources.ephemeralStorage }}
{{- end -}}

{{/* What the containers of the server's image read; the root is read-only, so the home is the temporary folder. */}}
{{- define "prefect-server.environment.server" -}}
- name: HOME
  value: /tmp
- name: PYTHONUNBUFFERED
  value: "1"
- name: PREFECT_SERVER__HASURA__HOST
  value: {{ include "prefect-server.host" (dict "root" . "component" "hasura") }}
- name: PREFECT_SERVER__HASURA__PORT
  value: "3000"
- name: PREFECT_SERVER__LOGGING__LEVEL
  value: {{ .Values.logLevel }}
- name: PREFECT_SERVER__TELEMETRY__ENABLED
  value: "false"
{{- end -}}
