"""Labels that say where a workload is.

Place:  model → check/locality, compose/workloads, view/locality, pipeline/scope
Source: Kubernetes, "Well-Known Labels"; Istio, "Locality Load Balancing"
"""

NETWORK_LABEL = "topology.istio.io/network"
REGION_LABEL = "topology.kubernetes.io/region"
ZONE_LABEL = "topology.kubernetes.io/zone"
SUBZONE_LABEL = "topology.istio.io/subzone"
TOPOLOGY_LABELS = (REGION_LABEL, ZONE_LABEL, SUBZONE_LABEL)
"""As a locality is written: `region/zone/subzone`."""
