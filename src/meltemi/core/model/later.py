"""Kinds that the mesh knows by name: stored, without effect yet.

Place:  model/later → model/kinds
Source: Istio's API reference, releases 0.8 (Mixer, v1alpha1 routing) to 1.28; Kubernetes' API reference.
"""

Row = tuple[str, str, tuple[str, ...], str, tuple[str, ...], bool]
"""Group, kind, versions, plural, short names, namespaced."""

_ISTIO: tuple[Row, ...] = (
    ("telemetry.istio.io", "Telemetry", ("v1", "v1alpha1"), "telemetries", ("telemetry",), True),
    ("install.istio.io", "IstioOperator", ("v1alpha1",), "istiooperators", ("iop", "io"), True),
)

_OLD = "config.istio.io"
_V1ALPHA2 = ("v1alpha2",)

_MIXER: tuple[Row, ...] = (
    (_OLD, "RouteRule", ("v1alpha2", "v1alpha1"), "routerules", (), True),
    (_OLD, "DestinationPolicy", ("v1alpha2", "v1alpha1"), "destinationpolicies", (), True),
    (_OLD, "EgressRule", ("v1alpha2", "v1alpha1"), "egressrules", (), True),
    (_OLD, "ServiceRole", _V1ALPHA2, "serviceroles", (), True),
    (_OLD, "ServiceRoleBinding", _V1ALPHA2, "servicerolebindings", (), True),
    (_OLD, "HTTPAPISpec", _V1ALPHA2, "httpapispecs", (), True),
    (_OLD, "HTTPAPISpecBinding", _V1ALPHA2, "httpapispecbindings", (), True),
    (_OLD, "QuotaSpec", _V1ALPHA2, "quotaspecs", (), True),
    (_OLD, "QuotaSpecBinding", _V1ALPHA2, "quotaspecbindings", (), True),
    (_OLD, "EndUserAuthenticationPolicySpec", _V1ALPHA2, "enduserauthenticationpolicyspecs", (), True),
    (
        _OLD,
        "EndUserAuthenticationPolicySpecBinding",
        _V1ALPHA2,
        "enduserauthenticationpolicyspecbindings",
        (),
        True,
    ),
    (_OLD, "attributemanifest", _V1ALPHA2, "attributemanifests", (), True),
    (_OLD, "rule", _V1ALPHA2, "rules", (), True),
    (_OLD, "handler", _V1ALPHA2, "handlers", (), True),
    (_OLD, "instance", _V1ALPHA2, "instances", (), True),
    (_OLD, "template", _V1ALPHA2, "templates", (), True),
    (_OLD, "adapter", _V1ALPHA2, "adapters", (), True),
    # Adapters, each a kind of its own until 1.1.
    *(
        (_OLD, name, _V1ALPHA2, plural, (), True)
        for name, plural in (
            ("bypass", "bypasses"),
            ("circonus", "circonuses"),
            ("cloudwatch", "cloudwatches"),
            ("denier", "deniers"),
            ("dogstatsd", "dogstatsds"),
            ("fluentd", "fluentds"),
            ("kubernetesenv", "kubernetesenvs"),
            ("listchecker", "listcheckers"),
            ("memquota", "memquotas"),
            ("noop", "noops"),
            ("opa", "opas"),
            ("prometheus", "prometheuses"),
            ("rbac", "rbacs"),
            ("redisquota", "redisquotas"),
            ("servicecontrol", "servicecontrols"),
            ("signalfx", "signalfxs"),
            ("solarwinds", "solarwindses"),
            ("stackdriver", "stackdrivers"),
            ("statsd", "statsds"),
            ("stdio", "stdios"),
            ("zipkin", "zipkins"),
        )
    ),
    # Templates, whose instances were kinds too.
    *(
        (_OLD, name, _V1ALPHA2, plural, (), True)
        for name, plural in (
            ("apikey", "apikeys"),
            ("authorization", "authorizations"),
            ("checknothing", "checknothings"),
            ("edge", "edges"),
            ("kubernetes", "kuberneteses"),
            ("listentry", "listentries"),
            ("logentry", "logentries"),
            ("metric", "metrics"),
            ("quota", "quotas"),
            ("reportnothing", "reportnothings"),
            ("servicecontrolreport", "servicecontrolreports"),
            ("tracespan", "tracespans"),
        )
    ),
)

_GATEWAY_API = "gateway.networking.k8s.io"
_RBAC = "rbac.authorization.k8s.io"

_KUBERNETES: tuple[Row, ...] = (
    (_GATEWAY_API, "GatewayClass", ("v1", "v1beta1", "v1alpha2"), "gatewayclasses", ("gc",), False),
    (_GATEWAY_API, "Gateway", ("v1", "v1beta1", "v1alpha2"), "gateways", ("gtw",), True),
    (_GATEWAY_API, "HTTPRoute", ("v1", "v1beta1", "v1alpha2"), "httproutes", (), True),
    (_GATEWAY_API, "GRPCRoute", ("v1", "v1alpha2"), "grpcroutes", (), True),
    (_GATEWAY_API, "TLSRoute", ("v1", "v1alpha3", "v1alpha2"), "tlsroutes", (), True),
    (_GATEWAY_API, "TCPRoute", ("v1alpha2",), "tcproutes", (), True),
    (_GATEWAY_API, "UDPRoute", ("v1alpha2",), "udproutes", (), True),
    (_GATEWAY_API, "BackendTLSPolicy", ("v1", "v1alpha3", "v1alpha2"), "backendtlspolicies", ("btlspolicy",), True),
    (_GATEWAY_API, "ReferenceGrant", ("v1beta1", "v1alpha2"), "referencegrants", ("refgrant",), True),
    ("networking.k8s.io", "Ingress", ("v1", "v1beta1"), "ingresses", ("ing",), True),
    ("extensions", "Ingress", ("v1beta1",), "ingresses", (), True),
    ("networking.k8s.io", "IngressClass", ("v1", "v1beta1"), "ingressclasses", (), False),
    ("networking.k8s.io", "NetworkPolicy", ("v1",), "networkpolicies", ("netpol",), True),
    ("autoscaling", "HorizontalPodAutoscaler", ("v2", "v2beta2", "v1"), "horizontalpodautoscalers", ("hpa",), True),
    ("policy", "PodDisruptionBudget", ("v1", "v1beta1"), "poddisruptionbudgets", ("pdb",), True),
    ("", "PersistentVolumeClaim", ("v1",), "persistentvolumeclaims", ("pvc",), True),
    ("", "PersistentVolume", ("v1",), "persistentvolumes", ("pv",), False),
    ("", "ReplicationController", ("v1",), "replicationcontrollers", ("rc",), True),
    ("", "Event", ("v1",), "events", ("ev",), True),
    ("", "Node", ("v1",), "nodes", ("no",), False),
    ("", "LimitRange", ("v1",), "limitranges", ("limits",), True),
    ("", "ResourceQuota", ("v1",), "resourcequotas", ("quota",), True),
    ("storage.k8s.io", "StorageClass", ("v1",), "storageclasses", ("sc",), False),
    (_RBAC, "Role", ("v1", "v1beta1"), "roles", (), True),
    (_RBAC, "RoleBinding", ("v1", "v1beta1"), "rolebindings", (), True),
    (_RBAC, "ClusterRole", ("v1", "v1beta1"), "clusterroles", (), False),
    (_RBAC, "ClusterRoleBinding", ("v1", "v1beta1"), "clusterrolebindings", (), False),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        ("v1", "v1beta1"),
        "customresourcedefinitions",
        ("crd",),
        False,
    ),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        ("v1",),
        "mutatingwebhookconfigurations",
        (),
        False,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        ("v1",),
        "validatingwebhookconfigurations",
        (),
        False,
    ),
    ("cert-manager.io", "Certificate", ("v1",), "certificates", ("cert",), True),
    ("cert-manager.io", "Issuer", ("v1",), "issuers", (), True),
    ("cert-manager.io", "ClusterIssuer", ("v1",), "clusterissuers", (), False),
    ("monitoring.coreos.com", "ServiceMonitor", ("v1",), "servicemonitors", (), True),
    ("monitoring.coreos.com", "PodMonitor", ("v1",), "podmonitors", (), True),
)

LATER: tuple[Row, ...] = _ISTIO + _MIXER + _KUBERNETES
