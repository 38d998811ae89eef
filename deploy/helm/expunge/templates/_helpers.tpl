{{- define "expunge.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "expunge.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "expunge.labels" -}}
{{ include "expunge.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "expunge.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "expunge.buildId" -}}
{{- .Values.workerVersioning.buildId | default (.Values.image.digest | trimPrefix "sha256:" | trunc 40) | default .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Environment of a container. Takes {root, env}: what this one has of its own wins. */}}
{{- define "expunge.env" -}}
{{- $root := .root }}
{{- $own := dict }}
{{- if $root.Values.policies }}{{- $_ := set $own "POLICY_FILE" "/etc/expunge/policy/policies.yaml" }}{{- end }}
{{- if $root.Values.workerVersioning.enabled }}
{{- $_ := set $own "WORKER_DEPLOYMENT" $root.Values.workerVersioning.deploymentName }}
{{- $_ := set $own "WORKER_BUILD_ID" (include "expunge.buildId" $root) }}
{{- end }}
{{- range $name, $value := merge (dict) (.env | default dict) $root.Values.config $own }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- range $name, $from := $root.Values.secrets }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ required (printf "secrets.%s.name is not set" $name) $from.name }}
      key: {{ required (printf "secrets.%s.key is not set" $name) $from.key }}
{{- end }}
# The file system is read-only: nothing is compiled ahead of use.
- name: TSX_DISABLE_CACHE
  value: "1"
{{- end }}

{{- define "expunge.dns" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- define "expunge.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "expunge.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Takes {root, policies}: whether the policy file is mounted; it does not exist yet while a hook runs. */}}
{{- define "expunge.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if and .policies .root.Values.policies }}
- name: policies
  mountPath: /etc/expunge/policy
  readOnly: true
{{- end }}
{{- range .root.Values.files }}
- name: {{ .name }}
  mountPath: {{ .mountPath }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "expunge.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if and .policies .root.Values.policies }}
- name: policies
  configMap:
    name: {{ include "expunge.name" .root }}-policies
{{- end }}
{{- range .root.Values.files }}
- name: {{ .name }}
  {{- if .secret }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ required (printf "files: %s names neither a secret nor a configMap" .name) .configMap }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A Job that runs one command of the command line. Takes {root, name, hook, weight, args, resources}. */}}
{{- define "expunge.job" -}}
{{- $root := .root }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "expunge.name" $root }}-{{ .name }}
  labels:
    {{- include "expunge.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-weight: "0"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: 3
  activeDeadlineSeconds: 1800
  template:
    metadata:
      labels:
        {{- include "expunge.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .name }}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        {{- include "expunge.podSecurity" $root | nindent 8 }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "expunge.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: [node, client/main.js]
          args: {{- toYaml .args | nindent 12 }}
          env:
            {{- include "expunge.env" (dict "root" $root "env" dict) | nindent 12 }}
          securityContext:
            {{- include "expunge.containerSecurity" $root | nindent 12 }}
          resources: {{- toYaml .resources | nindent 12 }}
          volumeMounts:
            {{- include "expunge.volumeMounts" (dict "root" $root "policies" false) | nindent 12 }}
      volumes:
        {{- include "expunge.volumes" (dict "root" $root "policies" false) | nindent 8 }}
{{- end }}
