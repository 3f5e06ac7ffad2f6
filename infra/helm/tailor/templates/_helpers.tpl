{{/* Names. The argument of the first two is a list: the root and the component. */}}
{{- define "tailor.name" -}}
{{ printf "%s-%s" (first .).Release.Name (last .) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "tailor.labels" -}}
app.kubernetes.io/name: tailor
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{- define "tailor.chartLabels" -}}
{{ include "tailor.labels" . }}
app.kubernetes.io/version: {{ (first .).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (first .).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (first .).Chart.Name (first .).Chart.Version }}
{{- end }}

{{/* What all pods have. Without service links: variables such as MLFLOW_PORT would be taken for settings. */}}
{{- define "tailor.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The argument is the number of the user. */}}
{{- define "tailor.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "tailor.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Where services are, ours or others. */}}
{{- define "tailor.mlflowHost" -}}
{{ include "tailor.name" (list . "mlflow") }}:5000
{{- end }}

{{- define "tailor.postgresql" -}}
{{- if .Values.postgresql.enabled -}}
{{ include "tailor.name" (list . "postgresql") }}:5432
{{- else -}}
{{ required "postgresql.host is empty: name the host of your PostgreSQL, or set postgresql.enabled to true" .Values.postgresql.host }}:{{ .Values.postgresql.port }}
{{- end }}
{{- end }}

{{- define "tailor.lineageUrl" -}}
{{- if .Values.lineage.marquez -}}
http://{{ include "tailor.name" (list . "marquez") }}:5000
{{- else -}}
{{ .Values.lineage.url }}
{{- end }}
{{- end }}

{{/* Variables. The argument of this one: the root, the variable, the key of the Secret. */}}
{{- define "tailor.secretEnv" -}}
- name: {{ index . 1 }}
  valueFrom: { secretKeyRef: { name: {{ (first .).Values.secret }}, key: {{ last . }} } }
{{- end }}

{{- define "tailor.settingsEnv" -}}
- { name: DO_NOT_TRACK, value: "1" }
- { name: MLFLOW_DISABLE_TELEMETRY, value: "true" }
- { name: PREFECT_SERVER_ANALYTICS_ENABLED, value: "false" }
- { name: PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY, value: "false" }
- { name: HF_HUB_DISABLE_TELEMETRY, value: "1" }
{{- end }}

{{- define "tailor.storeEnv" -}}
{{- if .Values.objectStore.enabled }}
- { name: AWS_ENDPOINT_URL, value: "http://{{ include "tailor.name" (list . "objects") }}:8333" }
{{- else if .Values.objectStore.endpoint }}
- { name: AWS_ENDPOINT_URL, value: {{ .Values.objectStore.endpoint | quote }} }
{{- end }}
{{ include "tailor.secretEnv" (list . "AWS_ACCESS_KEY_ID" "s3-access-key") }}
{{ include "tailor.secretEnv" (list . "AWS_SECRET_ACCESS_KEY" "s3-secret-key") }}
- { name: AWS_DEFAULT_REGION, value: {{ .Values.objectStore.region | quote }} }
- { name: AWS_EC2_METADATA_DISABLED, value: "true" }
{{- end }}

{{- define "tailor.prefectEnv" -}}
- { name: PREFECT_API_URL, value: "http://{{ include "tailor.name" (list . "prefect") }}:4200/api" }
{{ include "tailor.secretEnv" (list . "API_PASSWORD" "prefect-password") }}
- { name: PREFECT_API_AUTH_STRING, value: "tailor:$(API_PASSWORD)" }
{{- end }}

{{- define "tailor.workerEnv" -}}
{{ include "tailor.settingsEnv" . }}
{{- include "tailor.storeEnv" . }}
{{ include "tailor.prefectEnv" . }}
- { name: MLFLOW_TRACKING_URI, value: "http://{{ include "tailor.mlflowHost" . }}" }
- { name: MLFLOW_TRACKING_USERNAME, value: tailor }
{{ include "tailor.secretEnv" (list . "MLFLOW_TRACKING_PASSWORD" "mlflow-password") }}
- { name: TAILOR_STORE, value: "s3://{{ .Values.objectStore.bucket }}/store" }
{{- with include "tailor.lineageUrl" . }}
- { name: OPENLINEAGE_URL, value: {{ . | quote }} }
{{- end }}
- { name: PREFECT_WORKER_QUERY_SECONDS, value: {{ .Values.workerQuerySeconds | quote }} }
- { name: PREFECT_LOGGING_EXTRA_LOGGERS, value: tailor }
{{- end }}

{{/* A claim that is kept when the release goes. The argument: the root, the component, the size. */}}
{{- define "tailor.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "tailor.name" (list (first .) (index . 1)) }}
  labels: {{- include "tailor.chartLabels" (list (first .) (index . 1)) | nindent 4 }}
  annotations: { helm.sh/resource-policy: keep }
spec:
  accessModes: [ReadWriteOnce]
  {{- with (first .).Values.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources: { requests: { storage: {{ last . }} } }
{{- end }}

{{/* The argument: the root, the component, the port. */}}
{{- define "tailor.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "tailor.name" (list (first .) (index . 1)) }}
  labels: {{- include "tailor.chartLabels" (list (first .) (index . 1)) | nindent 4 }}
spec:
  selector: {{- include "tailor.labels" (list (first .) (index . 1)) | nindent 4 }}
  ports:
    - { name: main, port: {{ last . }}, targetPort: main }
{{- end }}
