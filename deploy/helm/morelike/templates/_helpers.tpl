{{- define "morelike.name" -}}
{{- if contains "morelike" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-morelike" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "morelike.selector" -}}
app.kubernetes.io/name: morelike
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "morelike.labels" -}}
{{ include "morelike.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "morelike.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What cannot be, said before anything is installed. */}}
{{- define "morelike.check" -}}
{{- if .Values.stores.embedded }}
{{- if or (gt (int .Values.server.replicas) 1) .Values.autoscaling.enabled .Values.workers.enabled }}
{{- fail "stores.embedded is one pod: set server.replicas to 1, and autoscaling.enabled and workers.enabled to false" }}
{{- end }}
{{- else }}
{{- $_ := required "stores.vectors is needed: http://HOST:19530, or stores.embedded" .Values.stores.vectors }}
{{- $_ := required "stores.blobs is needed: s3://BUCKET/PREFIX, or stores.embedded" .Values.stores.blobs }}
{{- $_ := required "stores.existingSecret is needed: a Secret with MORELIKE_CATALOG, or stores.embedded" .Values.stores.existingSecret }}
{{- end }}
{{- if and .Values.ingress.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.from) }}
{{- fail "networkPolicy.from is needed with an ingress: the peers that its controller runs as, its namespace for one" }}
{{- end }}
{{- end }}

{{- define "morelike.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "morelike.variables" -}}
envFrom:
  - configMapRef:
      name: {{ include "morelike.name" . }}
  {{- if .Values.stores.existingSecret }}
  - secretRef:
      name: {{ .Values.stores.existingSecret }}
  {{- end }}
{{- end }}

{{- define "morelike.mounts" -}}
- {name: data, mountPath: /data}
- {name: models, mountPath: /models}
- {name: temporary, mountPath: /tmp}
{{- if .Values.stores.authorities }}
- {name: authorities, mountPath: /etc/morelike/ca, readOnly: true}
{{- end }}
{{- end }}

{{/* A pod's spec. `role` is server or worker. */}}
{{- define "morelike.pod" -}}
{{- $top := .top }}
{{- $role := .role }}
{{- $values := $top.Values }}
serviceAccountName: {{ include "morelike.name" $top }}
automountServiceAccountToken: false
# Kubernetes would set MORELIKE_PORT and more for a Service of that name, which morelike refuses as unknown settings
enableServiceLinks: false
# 5 s until no new request comes, 15 s for those that run, the rest for jobs to be given back
terminationGracePeriodSeconds: 60
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.server.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.server.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.server.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if eq $role "server" }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "morelike.selector" $top | nindent 8 }}
        app.kubernetes.io/component: server
{{- end }}
initContainers:
  {{- if $values.models.pull }}
  - name: models
    image: {{ include "morelike.image" $top }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    securityContext:
      {{- include "morelike.security" $top | nindent 6 }}
    command: [sh, -ec, 'for name in "$@"; do morelike models pull "$name"; done', models]
    args:
      {{- toYaml $values.models.pull | nindent 6 }}
    {{- include "morelike.variables" $top | nindent 4 }}
    env:
      - {name: MORELIKE_OFFLINE, value: "false"}
    resources:
      requests: {cpu: 100m, memory: 256Mi}
      limits: {memory: 1Gi}
    volumeMounts:
      {{- include "morelike.mounts" $top | nindent 6 }}
  {{- end }}
  # The server refuses to listen for others while the library has no key. This waits until somebody makes the first one.
  - name: first-key
    image: {{ include "morelike.image" $top }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    securityContext:
      {{- include "morelike.security" $top | nindent 6 }}
    command:
      - sh
      - -c
      - |
        until morelike keys ls --json | grep -q '"name"'; do
          echo "no API key yet; make one: kubectl exec -it -n $0 $HOSTNAME -c first-key -- morelike keys add me --role admin" >&2
          sleep 5
        done
    args: [{{ $top.Release.Namespace | quote }}]
    {{- include "morelike.variables" $top | nindent 4 }}
    resources:
      requests: {cpu: 100m, memory: 256Mi}
      limits: {memory: 1Gi}
    volumeMounts:
      {{- include "morelike.mounts" $top | nindent 6 }}
containers:
  - name: {{ $role }}
    image: {{ include "morelike.image" $top }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    securityContext:
      {{- include "morelike.security" $top | nindent 6 }}
    args:
      - serve
      - --host
      - {{ $values.server.host | quote }}
      - --port
      - "8000"
      - --log-format
      - json
      {{- if eq $role "worker" }}
      - --workers
      - {{ $values.workers.jobs | quote }}
      {{- else if $values.workers.enabled }}
      - --no-jobs
      {{- else }}
      - --workers
      - {{ $values.server.jobs | quote }}
      {{- end }}
      {{- range $values.server.allowRoots }}
      - --allow-root
      - {{ . | quote }}
      {{- end }}
      {{- if eq $role "server" }}
      {{- range $values.server.extraArgs }}
      - {{ . | quote }}
      {{- end }}
      {{- end }}
    {{- include "morelike.variables" $top | nindent 4 }}
    ports:
      - {name: http, containerPort: 8000}
    startupProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 5
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      {{- if $values.probe.existingSecret }}
      exec:
        command: [python, -I, /opt/morelike/probe.py, /readyz, /etc/morelike/probe/key]
      {{- else }}
      httpGet: {path: /healthz, port: http}
      {{- end }}
      periodSeconds: 10
      timeoutSeconds: 10
      failureThreshold: 3
    lifecycle:
      preStop:
        exec: {command: [sleep, "5"]}
    resources:
      {{- toYaml (ternary $values.workers.resources $values.server.resources (eq $role "worker")) | nindent 6 }}
    volumeMounts:
      {{- include "morelike.mounts" $top | nindent 6 }}
      {{- if $values.probe.existingSecret }}
      - {name: probe, mountPath: /etc/morelike/probe, readOnly: true}
      {{- end }}
volumes:
  - name: data
    {{- if $values.stores.embedded }}
    persistentVolumeClaim:
      claimName: {{ $values.data.existingClaim | default (include "morelike.name" $top) }}
    {{- else }}
    emptyDir: {sizeLimit: {{ $values.data.size }}}
    {{- end }}
  - name: models
    {{- if $values.models.existingClaim }}
    persistentVolumeClaim:
      claimName: {{ $values.models.existingClaim }}
    {{- else }}
    emptyDir: {sizeLimit: {{ $values.models.size }}}
    {{- end }}
  - name: temporary
    emptyDir: {sizeLimit: {{ $values.temporary.size }}}
  {{- if $values.stores.authorities }}
  - name: authorities
    configMap: {name: {{ $values.stores.authorities }}}
  {{- end }}
  {{- if $values.probe.existingSecret }}
  - name: probe
    secret: {secretName: {{ $values.probe.existingSecret }}, defaultMode: 0440, items: [{key: key, path: key}]}
  {{- end }}
{{- end }}
