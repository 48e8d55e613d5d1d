/**
 * The resources that every API server of Kubernetes 1.30 to 1.34 serves by default, by group and version (`v1` is that of the core group).
 * A resource's subresources follow its slash. Beta and optional groups, custom resources and aggregated APIs are not among them.
 */
export const builtInResources: Readonly<Record<string, string>> = {
  v1: `bindings componentstatuses configmaps endpoints events limitranges namespaces/finalize,status nodes/proxy,status
    persistentvolumeclaims/status persistentvolumes/status podtemplates
    pods/attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status
    replicationcontrollers/scale,status resourcequotas/status secrets serviceaccounts/token services/proxy,status`,
  'admissionregistration.k8s.io/v1': `mutatingwebhookconfigurations validatingadmissionpolicies/status
    validatingadmissionpolicybindings validatingwebhookconfigurations`,
  'apiextensions.k8s.io/v1': 'customresourcedefinitions/status',
  'apiregistration.k8s.io/v1': 'apiservices/status',
  'apps/v1': `controllerrevisions daemonsets/status deployments/scale,status replicasets/scale,status
    statefulsets/scale,status`,
  'authentication.k8s.io/v1': 'selfsubjectreviews tokenreviews',
  'authorization.k8s.io/v1': `localsubjectaccessreviews selfsubjectaccessreviews selfsubjectrulesreviews
    subjectaccessreviews`,
  'autoscaling/v1': 'horizontalpodautoscalers/status',
  'autoscaling/v2': 'horizontalpodautoscalers/status',
  'batch/v1': 'cronjobs/status jobs/status',
  'certificates.k8s.io/v1': 'certificatesigningrequests/approval,status',
  'coordination.k8s.io/v1': 'leases',
  'discovery.k8s.io/v1': 'endpointslices',
  'events.k8s.io/v1': 'events',
  'flowcontrol.apiserver.k8s.io/v1': 'flowschemas/status prioritylevelconfigurations/status',
  'flowcontrol.apiserver.k8s.io/v1beta3': 'flowschemas/status prioritylevelconfigurations/status',
  'networking.k8s.io/v1': `ingressclasses ingresses/status ipaddresses networkpolicies servicecidrs/status`,
  'node.k8s.io/v1': 'runtimeclasses',
  'policy/v1': 'poddisruptionbudgets/status',
  'rbac.authorization.k8s.io/v1': 'clusterrolebindings clusterroles rolebindings roles',
  'resource.k8s.io/v1': 'deviceclasses resourceclaims/status resourceclaimtemplates resourceslices',
  'scheduling.k8s.io/v1': 'priorityclasses',
  'storage.k8s.io/v1': `csidrivers csinodes csistoragecapacities storageclasses volumeattachments/status
    volumeattributesclasses`,
};
